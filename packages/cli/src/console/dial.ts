import type { IncomingMessage } from 'node:http'
import { consoleEnds, consoleSubprotocols, type ConsoleTicket } from '@nixen/api'
import { isRecord } from '@nixen/core'
import { WebSocket } from 'ws'
import type { ServerTarget } from '../connect/connect.ts'
import { unreachable } from '../connect/connect.ts'
import { agentOf } from '../connect/http-fetch.ts'
import { consoleCliErrors } from './errors.ts'

/** Longest refusal that is read, bytes. */
const longestRefusal = 64 * 1024

/** Opens the console of a ticket. Errors: `cli.console_refused`, `client.unreachable`, the signal's reason. */
export async function dial(target: ServerTarget, ticket: ConsoleTicket, signal: AbortSignal): Promise<WebSocket> {
  const { baseUrl, socketPath, fingerprint } = target
  const url = new URL(ticket.url, baseUrl)
  const secure = url.protocol === 'https:' && socketPath === undefined
  // Behind the door of this machine the API is below the root, whatever the base path.
  const address = socketPath === undefined ? url.href.replace(/^http/, 'ws') : `ws+unix:${socketPath}:/api/v1/console`
  const agents = agentOf({ fingerprint })
  const socket = new WebSocket(address, [...consoleSubprotocols(ticket.ticket)], {
    perMessageDeflate: false,
    ...(socketPath === undefined ? { agent: secure ? agents.https : agents.http } : {}),
  })
  const onAbort = (): void => socket.terminate()
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve)
      socket.once('unexpected-response', (_request, response) => {
        refusalIn(response).then(reject, reject)
      })
      // Stays for failures after it is open, which end with `close`.
      socket.on('error', (cause) => reject(signal.aborted ? (signal.reason as Error) : unreachable(baseUrl, cause)))
    })
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
  return socket
}

async function refusalIn(response: IncomingMessage): Promise<Error> {
  const parts: Buffer[] = []
  let size = 0
  // A response without an encoding yields buffers.
  for await (const part of response as AsyncIterable<Buffer>) {
    parts.push(part)
    if ((size += part.length) > longestRefusal) break
  }
  return consoleCliErrors.console_refused({ reason: messageIn(Buffer.concat(parts).toString()) ?? `HTTP status ${response.statusCode}` }) // prettier-ignore
}

function messageIn(text: string): string | undefined {
  try {
    const body: unknown = JSON.parse(text)
    const error = isRecord(body) ? body['error'] : undefined
    return isRecord(error) && typeof error['message'] === 'string' ? error['message'] : undefined
  } catch {
    // Not of Nixen, but of something before it.
    return undefined
  }
}

/** Throws when a console ended for a reason that somebody should know. Errors: `cli.console_ended` */
export function judgeEnd(code: number, reason: string): void {
  const usual: readonly number[] = [1000, 1005, consoleEnds.host.code, consoleEnds.stopped.code]
  if (!usual.includes(code)) throw consoleCliErrors.console_ended({ reason: reason || `code ${code}` })
}
