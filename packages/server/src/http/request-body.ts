import { transferErrors } from '@nixen/api'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { RequestBody } from './handler.ts'

/** How long the body of an ordinary request may take, in milliseconds. */
const bodyTime = 60_000
/** How long a file may stand still, in milliseconds; the host that takes it may be the slow one. */
const fileIdleTime = 10 * 60_000

/** Whether the route of a request takes a file as it comes. */
export function takesFile(request: FastifyRequest): boolean {
  // Set by `addRoutes`.
  return (request.routeOptions.config as { readonly takesFile?: boolean }).takesFile === true
}

/** Ends requests whose body does not come: a slow client must not hold a connection for ever. */
export function limitTime(request: FastifyRequest, reply: FastifyReply): void {
  const { raw } = request
  if (takesFile(request)) {
    raw.setTimeout(fileIdleTime, () => void raw.destroy())
    return
  }
  // RFC 9112 §6.3: without either header a request has no body.
  if (raw.headers['content-length'] === undefined && raw.headers['transfer-encoding'] === undefined) return
  const timer = setTimeout(() => {
    if (!raw.complete) raw.destroy()
  }, bodyTime)
  timer.unref()
  reply.raw.once('close', () => clearTimeout(timer))
}

/** How much of a file that nobody wants is read, so that the client sees the answer, and how long; after that the connection is broken. */
const unwanted = { bytes: 16 * 1024 * 1024, time: 10_000 } as const

/** What was not read of a file when the answer was given would stand before the next request on the connection. */
export function passOver(request: FastifyRequest): void {
  const { raw } = request
  if (!takesFile(request) || raw.readableEnded || raw.destroyed) return
  let left: number = unwanted.bytes
  const timer = setTimeout(() => void raw.destroy(), unwanted.time)
  timer.unref()
  raw.once('close', () => clearTimeout(timer))
  raw.once('end', () => clearTimeout(timer))
  // A client that goes away meanwhile is no news.
  raw.on('error', () => undefined)
  raw.on('data', (part: Uint8Array) => {
    left -= part.length
    if (left < 0) raw.destroy()
  })
}

/** The file in the body of a request; `undefined` when it is JSON, which was read already. */
export function requestBody({ raw, headers }: FastifyRequest): RequestBody | undefined {
  if (/^application\/json\b/i.test(headers['content-type'] ?? '')) return undefined
  const what = 'The upload'
  const given = headers['content-length']
  const length = given === undefined ? undefined : Number(given)
  return {
    what,
    length,
    async *bytes() {
      let received = 0
      try {
        // Who stops reading still has an answer to give on the connection.
        for await (const part of raw.iterator({ destroyOnReturn: false })) {
          // No encoding is set on the request.
          const bytes = part as Uint8Array
          received += bytes.length
          yield bytes
        }
      } catch (cause) {
        throw transferErrors.cut({ what, received, expected: length }, { cause })
      }
    },
  }
}
