import { catalogue } from '@nixen/core'

/** What goes wrong with a console after the ticket was given. */
export const consoleCliErrors = catalogue('cli', {
  console_refused: {
    text: (p: { reason: string }) => `The console was not opened: ${p.reason}`,
  },
  console_ended: {
    text: (p: { reason: string }) => `The console has ended: ${p.reason}`,
  },
  cannot_listen: {
    text: (p: { address: string; reason: string }) =>
      `Nothing can listen on ${p.address} (${p.reason}). Choose another with --listen.`,
  },
  console_open: {
    status: 400,
    text: (p: { host: string }) =>
      `A console on ${p.host} would be open to the whole network, without a password. Listen on 127.0.0.1, and reach it over SSH from elsewhere.`,
  },
})
