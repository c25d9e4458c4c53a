import { area } from './area.ts'

/** Pools that Nixen is connected to, and how to connect one. */
export const connectionsText = area('connections', {
  connect: 'Connect',
  connecting: 'Connecting …',
  looking: 'Looking …',
  firstHelp:
    'You are in. Now connect an XCP-ng or XenServer pool: Nixen reads its inventory and changes nothing until you ask for it.',
  address: 'Address',
  addressHelp: 'Any member of the pool: xcp-1.example.net',
  nothingAnswers: (p: { url: string }) => `Nothing answers at ${p.url}.`,
  withoutTls: 'It answers without TLS.',
  pin: 'This is the fingerprint of my pool. Pin it.',
  user: 'User',
  password: 'Password',
  passwordHelp: 'It is kept encrypted and never shown again.',
  readOnlyAsk: 'Read-only: refuse every action on this pool',
  compareFirst: 'Compare the fingerprint first, and say that it is the right one.',
  known: 'A known authority vouches for its certificate.',
  notKnown:
    'No known authority vouches for its certificate, as is usual for pools. Compare the fingerprint with the one on the console of the host.',
  named: 'Named',
  validUntil: 'Valid until',
  isDisabled: 'It is disabled.',
  reconnect: 'Reconnect',
  enable: 'Enable',
  disable: 'Disable',
  product: 'Product',
  pool: 'Pool',
  readOnly: 'Read-only',
  readOnlyYes: 'yes: every action is refused',
  inThisState: 'In this state',
  nextAttempt: 'Next attempt',
  pinned: 'Pinned certificate',
  removeOf: (p: { name: string }) => `Remove ${p.name}`,
  removeHelp: 'Nixen forgets the address and the credentials. Nothing in the pool is touched, and backups of it stay.',
})
