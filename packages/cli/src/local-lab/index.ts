export { startOwnDaemon, type OwnDaemon, type OwnDaemonOptions } from './daemon.ts'
export { tinyDomainXml, type TinyDomainOptions } from './domain.ts'
export { guestIsUp } from './guest-init.ts'
export { buildTinyGuest, type TinyGuest, type TinyGuestOptions } from './tiny-guest.ts'
