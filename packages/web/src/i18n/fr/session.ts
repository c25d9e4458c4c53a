import type { Translations } from '../translations.ts'

export const session: Translations['session'] = {
  signInTo: 'Connexion à Nixen',
  signIn: 'Se connecter',
  signingIn: 'Connexion …',
  name: 'Nom',
  password: 'Mot de passe',
  code: 'Code à usage unique',
  codeHelp: 'Six chiffres de votre application d’authentification, ou un code de secours.',
  ended: 'Votre session est terminée',
  endedHelp: 'Connectez-vous à nouveau : ce qui est à l’écran, et ce que vous avez saisi, reste.',
  unreachable: 'Nixen ne répond pas',
  triedAgain: 'Une nouvelle tentative a lieu toutes les 5 secondes.',
  tryNow: 'Essayer maintenant',
  welcome: 'Bienvenue dans Nixen',
  welcomeHelp:
    'Personne ne peut encore se connecter. Créez le premier administrateur ; d’autres personnes, ou votre annuaire, pourront suivre.',
  token: 'Jeton du lien d’installation',
  tokenHelp: 'Le serveur a affiché un lien à son démarrage. Ouvrez-le, ou collez ici ce qui suit son #.',
  passwordHelp: 'Au moins 12 caractères ; quelques mots conviennent bien.',
  again: 'Mot de passe, encore une fois',
  differ: 'Les deux mots de passe diffèrent.',
  differTwice: 'Les deux mots de passe diffèrent. Saisissez deux fois le même.',
  makeAdmin: 'Créer l’administrateur',
  makingAdmin: 'Création de l’administrateur …',
}
