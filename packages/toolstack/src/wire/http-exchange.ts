import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Ref } from '../generated/rows.ts'

/** One HTTP request to one host, and its answer. */
export interface HttpExchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** The host that was asked. */
  readonly host: Ref<'host'>
  readonly path: string
  readonly query: URLSearchParams
}

/** Answers an HTTP request. Rejections become a status 500. */
export type HttpHandler = (exchange: HttpExchange) => Promise<void> | void

/** Ends an exchange with a short text. */
export function sendText(
  response: ServerResponse,
  status: number,
  text: string,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', ...headers })
  response.end(`${text}\n`)
}

/** Writes parts with back-pressure, in pieces large enough to be worth a write. */
export async function sendParts(response: ServerResponse, parts: readonly string[]): Promise<void> {
  const pieceLength = 256 * 1024
  let piece: string[] = []
  let length = 0
  for (const part of parts) {
    piece.push(part)
    length += part.length
    if (length < pieceLength) continue
    if (!response.write(piece.join('')) && !(await drained(response))) return
    piece = []
    length = 0
  }
  response.end(piece.join(''))
}

/** Resolves when the client has taken what was written; `false` when it has gone. */
async function drained(response: ServerResponse): Promise<boolean> {
  if (response.destroyed) return false
  return await new Promise<boolean>((resolve) => {
    const settle = (alive: boolean) => (): void => {
      response.off('drain', onDrain)
      response.off('close', onClose)
      resolve(alive)
    }
    const onDrain = settle(true)
    const onClose = settle(false)
    response.on('drain', onDrain)
    response.on('close', onClose)
  })
}
