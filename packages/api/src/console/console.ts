import { z } from 'zod'
import { flag, text, time, word } from '../schema/fields.ts'

/** A screen with keyboard and pointer, or a terminal. */
export const consoleKinds = ['vnc', 'text'] as const
export type ConsoleKind = (typeof consoleKinds)[number]

/** What the bytes of a console are: the Remote Framebuffer Protocol (RFC 6143), or those of a terminal. */
export const consoleProtocols = ['rfb', 'vt100'] as const
export type ConsoleProtocol = (typeof consoleProtocols)[number]

/** Leave to open one console once. */
export const ConsoleTicket = z
  .strictObject({
    ticket: text(
      'Secret that opens the console once. Offered as the WebSocket subprotocol `nixen.ticket.TICKET`, beside `binary`; never in an address.',
    ),
    url: text('Where the WebSocket is, from the root of the server: `/api/v1/console`.'),
    protocol: word(
      consoleProtocols,
      'What the binary messages are: `rfb` is the Remote Framebuffer Protocol (RFC 6143), `vt100` the bytes of a terminal.',
    ),
    viewOnly: flag('What is typed and pointed at does not reach the console.'),
    expires: time('Until when the ticket opens the console.'),
  })
  .meta({ id: 'ConsoleTicket', description: 'Leave to open one console once.' })
export type ConsoleTicket = z.infer<typeof ConsoleTicket>

/** Subprotocol of the WebSocket: binary messages, of which only the bytes count. */
export const consoleSubprotocol = 'binary'
/** What the subprotocol that carries the ticket begins with. */
export const consoleTicketPrefix = 'nixen.ticket.'

/** The subprotocols that a client offers to open a console: `new WebSocket(url, consoleSubprotocols(ticket))`. */
export function consoleSubprotocols(ticket: string): readonly [string, string] {
  return [consoleSubprotocol, consoleTicketPrefix + ticket]
}

/** How a console ends: the code that the WebSocket is closed with (RFC 6455 §7.4) and a sentence of at most 123 bytes. */
export const consoleEnds = {
  viewer: { code: 1000, text: 'The viewer left.' },
  host: { code: 4000, text: 'The host has closed the console. The VM may have stopped or moved: open it again.' },
  failed: { code: 4001, text: 'The console could not be opened.' },
  stopped: { code: 4002, text: 'It does not run any more.' },
  forbidden: { code: 4003, text: 'You may not use this console any more.' },
  session: { code: 4004, text: 'The session or token has ended. Log in again.' },
  idle: { code: 4005, text: 'Nothing happened for a long time. Open the console again.' },
  silent: { code: 4006, text: 'The viewer did not answer any more.' },
  connection: { code: 4007, text: 'The connection to the pool was taken away.' },
  protocol: { code: 4008, text: 'The viewer sent what a console that is only watched does not take.' },
  text_message: { code: 1003, text: 'Only binary messages are taken.' },
  stopping: { code: 1001, text: 'The server stops.' },
} as const satisfies Readonly<Record<string, { readonly code: number; readonly text: string }>>
export type ConsoleEnd = keyof typeof consoleEnds
