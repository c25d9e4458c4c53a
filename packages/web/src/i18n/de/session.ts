import type { Translations } from '../translations.ts'

export const session: Translations['session'] = {
  signInTo: 'Bei Nixen anmelden',
  signIn: 'Anmelden',
  signingIn: 'Anmeldung läuft …',
  name: 'Name',
  password: 'Passwort',
  code: 'Einmalcode',
  codeHelp: 'Sechs Ziffern aus Ihrer Authenticator-App, oder ein Wiederherstellungscode.',
  ended: 'Ihre Sitzung ist beendet',
  endedHelp: 'Melden Sie sich wieder an: Was auf dem Bildschirm steht und was Sie eingegeben haben, bleibt.',
  unreachable: 'Nixen antwortet nicht',
  triedAgain: 'Es wird alle 5 Sekunden wieder versucht.',
  tryNow: 'Jetzt versuchen',
  welcome: 'Willkommen bei Nixen',
  welcomeHelp:
    'Noch kann sich niemand anmelden. Legen Sie den ersten Administrator an; weitere Personen oder Ihr Verzeichnis können später dazukommen.',
  token: 'Zeichenfolge aus dem Einrichtungslink',
  tokenHelp:
    'Der Server hat beim Start einen Link ausgegeben. Öffnen Sie ihn, oder fügen Sie hier ein, was hinter dem # steht.',
  passwordHelp: 'Mindestens 12 Zeichen; ein paar Wörter sind gut.',
  again: 'Passwort noch einmal',
  differ: 'Die beiden Passwörter sind verschieden.',
  differTwice: 'Die beiden Passwörter sind verschieden. Geben Sie zweimal dasselbe ein.',
  makeAdmin: 'Administrator anlegen',
  makingAdmin: 'Administrator wird angelegt …',
}
