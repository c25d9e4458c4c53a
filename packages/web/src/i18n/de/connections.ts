import type { Translations } from '../translations.ts'

export const connections: Translations['connections'] = {
  connect: 'Verbinden',
  connecting: 'Wird verbunden …',
  looking: 'Es wird nachgesehen …',
  firstHelp:
    'Sie sind angemeldet. Verbinden Sie jetzt einen Pool von XCP-ng oder XenServer: Nixen liest sein Inventar und ändert nichts, bis Sie es verlangen.',
  address: 'Adresse',
  addressHelp: 'Ein beliebiges Mitglied des Pools: xcp-1.example.net',
  nothingAnswers: (p) => `Unter ${p.url} antwortet nichts.`,
  withoutTls: 'Es antwortet ohne TLS.',
  pin: 'Das ist der Fingerabdruck meines Pools. Merken.',
  user: 'Benutzer',
  password: 'Passwort',
  passwordHelp: 'Es wird verschlüsselt aufbewahrt und nie wieder gezeigt.',
  readOnlyAsk: 'Nur lesen: jede Aktion an diesem Pool ablehnen',
  compareFirst: 'Vergleichen Sie zuerst den Fingerabdruck und bestätigen Sie, dass er der richtige ist.',
  known: 'Eine bekannte Stelle bürgt für sein Zertifikat.',
  notKnown:
    'Keine bekannte Stelle bürgt für sein Zertifikat, wie bei Pools üblich. Vergleichen Sie den Fingerabdruck mit dem auf der Konsole des Hosts.',
  named: 'Name',
  validUntil: 'Gültig bis',
  isDisabled: 'Sie ist abgeschaltet.',
  reconnect: 'Neu verbinden',
  enable: 'Einschalten',
  disable: 'Abschalten',
  product: 'Produkt',
  pool: 'Pool',
  readOnly: 'Nur lesen',
  readOnlyYes: 'ja: jede Aktion wird abgelehnt',
  inThisState: 'In diesem Zustand',
  nextAttempt: 'Nächster Versuch',
  pinned: 'Gemerktes Zertifikat',
  removeOf: (p) => `${p.name} entfernen`,
  removeHelp:
    'Nixen vergisst die Adresse und die Zugangsdaten. Im Pool wird nichts angerührt, und seine Sicherungen bleiben.',
}
