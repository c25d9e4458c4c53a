import { createHash, timingSafeEqual, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { request as plainRequest, type ClientRequest, type IncomingMessage, type RequestOptions } from 'node:http'
import { request as secureRequest } from 'node:https'
import { isIP } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { connect, type TLSSocket } from 'node:tls'
import { repositoryErrors } from '@nixen/api/repository-errors'
import { isAppError, messageOf } from '@nixen/core'
import type { EncodedStream } from '@nixen/disk'
import type { HttpExport, HttpImport, TlsTrust } from '../descriptors.ts'

/** Milliseconds without a byte after which a stream counts as dead. */
const silence = 120_000

type Target = Pick<HttpExport, 'url' | 'headers' | 'tls'>

/** Opens a stream; its bytes come as they are asked for. @throws repository.bad_source */
export async function openExport(target: HttpExport, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
  return await explained(target, signal, async () => {
    const request = await start(target, { method: 'GET', signal })
    request.end()
    const response = await answerOf(request)
    if (response.statusCode !== 200) {
      response.destroy()
      throw badSource(target, `it answered ${response.statusCode}.`)
    }
    return watched(target, response)
  })
}

/** Sends a stream and waits for the answer. @throws repository.bad_source */
export async function sendImport(target: HttpImport, stream: EncodedStream, signal: AbortSignal): Promise<void> {
  await explained(target, signal, async () => {
    const headers = stream.length === undefined ? {} : { 'content-length': String(stream.length) }
    const request = await start(target, { method: target.method ?? 'PUT', signal, headers })
    const answer = answerOf(request)
    const sending = pipeline(Readable.from(stream.bytes, { objectMode: false }), request, { signal })
    // A server that refuses answers before it has read everything, and the sending then fails.
    const [answered, sent] = await Promise.allSettled([answer, sending])
    if (answered.status === 'fulfilled') {
      const status = answered.value.statusCode ?? 0
      answered.value.resume()
      if (status < 200 || status > 299) throw badSource(target, `it answered ${status}.`)
    }
    if (sent.status === 'rejected') throw sent.reason
    if (answered.status === 'rejected') throw answered.reason
  })
}

async function explained<T>(target: Target, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    signal.throwIfAborted()
    throw isAppError(error) ? error : badSource(target, `${messageOf(error)}.`, error)
  }
}

async function start(
  target: Target,
  { method, signal, headers = {} }: { method: string; signal: AbortSignal; headers?: Record<string, string> },
): Promise<ClientRequest> {
  const url = new URL(target.url)
  const options: RequestOptions = { method, signal, headers: { ...target.headers, ...headers } }
  // Headers hold a session: nothing is sent before the certificate was looked at.
  const socket = url.protocol === 'https:' ? await secureSocket(url, target.tls, signal) : undefined
  const request = socket
    ? secureRequest(url, { ...options, createConnection: () => socket })
    : plainRequest(url, options)
  request.setTimeout(silence, () => request.destroy(new Error(`nothing came for ${silence / 1000} s`)))
  return request
}

async function answerOf(request: ClientRequest): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  request.once('response', resolve)
  request.on('error', reject)
  request.once('close', () => reject(new Error('the connection was closed without an answer')))
  return await promise
}

/** With a pin the comparison of the certificate stands in for the chain. */
async function secureSocket(url: URL, tls: TlsTrust | undefined, signal: AbortSignal): Promise<TLSSocket> {
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const socket = connect({
    host,
    port: url.port === '' ? 443 : Number(url.port),
    ...(isIP(host) === 0 ? { servername: host } : {}),
    minVersion: 'TLSv1.2',
    rejectUnauthorized: tls?.pin === undefined,
    ...(tls?.ca === undefined ? {} : { ca: tls.ca }),
  })
  try {
    await once(socket, 'secureConnect', { signal: AbortSignal.any([signal, AbortSignal.timeout(silence)]) })
    if (tls?.pin !== undefined && !matchesPin(socket, tls.pin)) {
      throw new Error('its certificate is not the one that was pinned')
    }
    return socket
  } catch (error) {
    // A late error of a socket that nobody uses.
    socket.on('error', () => undefined)
    socket.destroy()
    throw error
  }
}

function matchesPin(socket: TLSSocket, pin: string): boolean {
  const peer = socket.getPeerX509Certificate()
  if (!peer) return false
  const digest = (raw: Buffer): Buffer => createHash('sha256').update(raw).digest()
  const expected = pin.includes('BEGIN CERTIFICATE')
    ? digest(new X509Certificate(pin).raw)
    : Buffer.from(pin.replaceAll(':', ''), 'hex')
  const actual = digest(peer.raw)
  return expected.length === actual.length && timingSafeEqual(expected, actual)
}

async function* watched(target: Target, response: IncomingMessage): AsyncGenerator<Uint8Array> {
  try {
    // An answer without an encoding yields buffers.
    for await (const part of response) yield part as Buffer
  } catch (error) {
    throw isAppError(error) ? error : badSource(target, `${messageOf(error)}.`, error)
  }
}

/** The address without its query: that of XAPI may name a session. */
function badSource({ url }: Target, reason: string, cause?: unknown): Error {
  const { origin, pathname } = new URL(url)
  return repositoryErrors.bad_source({ what: `${origin}${pathname}`, reason }, cause === undefined ? {} : { cause })
}
