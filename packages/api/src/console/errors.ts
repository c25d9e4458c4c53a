import { errorArea } from '../errors/area.ts'

/** Errors about consoles. */
export const consoleArea = errorArea('console', {
  none: {
    status: 409,
    text: (p: { id: string; kind: string; reason: string }) => `${p.id} has no ${p.kind} console: ${p.reason}`,
    example: { id: 'vm.k3f9x2ab.1', kind: 'text', reason: 'The host offers rfb only.' },
  },
  in_use: {
    status: 409,
    retryable: true,
    text: (p: { id: string }) =>
      `Somebody else looks at the console of ${p.id}, and the pool allows one viewer at a time. Try again when they have left.`,
    example: { id: 'vm.k3f9x2ab.1' },
  },
  not_shown: {
    status: 409,
    retryable: true,
    text: (p: { id: string }) =>
      `The host does not show the console of ${p.id} now. It has stopped, is paused or moves to another host: try again.`,
    example: { id: 'vm.k3f9x2ab.1' },
  },
  too_many: {
    status: 429,
    retryable: true,
    text: (p: { limit: number; of: string }) =>
      `${p.limit} consoles are open ${p.of}, which is the limit. Close some of them.`,
    example: { limit: 64, of: 'for this user' },
  },
  not_websocket: {
    status: 426,
    text: () =>
      'Consoles are WebSockets. If a proxy stands before Nixen, let it pass the headers Upgrade and Connection.',
    example: undefined,
  },
  no_ticket: {
    status: 400,
    text: () =>
      'Offer the subprotocols "binary" and "nixen.ticket.TICKET", with a ticket of POST /vms/ID/console or /hosts/ID/console.',
    example: undefined,
  },
  ticket_unknown: {
    status: 401,
    text: () => 'The ticket opens no console, or is for another user. Ask for a new one.',
    example: undefined,
  },
  ticket_used: { status: 401, text: () => 'The ticket was used already. Ask for a new one.', example: undefined },
  ticket_expired: {
    status: 401,
    text: (p: { seconds: number }) => `The ticket was not used within ${p.seconds} s. Ask for a new one.`,
    example: { seconds: 30 },
  },
})
export const consoleErrors = consoleArea.make
