import type { ClientRequest } from 'node:http'
import { isAppError, messageOf, raceSignal, type ByteStream } from '@nixen/core'
import { isXapiError, xapiErrors } from '../errors.ts'
import type { Xapi } from '../session/xapi.ts'
import { atHost, endpointText } from '../transport/endpoint.ts'
import { NoAnswer } from '../transport/http-client.ts'
import { maxRedirections, pathWith, redirectionOf, sessionCookie, type Query, type Redirection } from './http-path.ts'
import { TransferTask, type TransferOptions } from './transfer-task.ts'

export interface UploadRequest extends TransferOptions {
  readonly path: string
  readonly query: Query
  readonly host?: string | undefined
  readonly body: ByteStream | Iterable<Uint8Array>
  /** Number of bytes in `body`, if known. A body that turns out otherwise is an error. */
  readonly length?: number | undefined
  /** The body says where it ends, so that a host that has read all of it reports no fault. */
  readonly tellsEnd?: boolean | undefined
  /** Name of the task on the host. */
  readonly label: string
  /** Type of the task's result. */
  readonly resultType: string
}

/**
 * Announced when the length is not known: hosts read no chunked encoding and want a length, so they get one that is never reached, and
 * the connection ends after the last byte. Importers of self-contained formats know their end.
 */
const endless = 2 ** 50
/** A host that has read its fill closes the connection; its task ends about now. In milliseconds. */
const settleTime = 5000

/**
 * Uploads with a task and resolves with the task's result. The host answers 200 before it reads, so nothing but the task counts.
 *
 * With an unknown length a host that reads to the end of the connection reports `VDI_IO_ERROR` although it has everything: that one is not an
 * error then. Give the length where it is known.
 *
 * @throws XapiError of the task, xapi.upload_broken, http_status, unreachable, the signal's reason
 */
export async function upload(xapi: Xapi, request: UploadRequest): Promise<unknown> {
  const { signal } = request
  const target = await probe(xapi, request)
  await using task = await TransferTask.start(xapi, request.label, request)
  const pump = await Pump.open(xapi, target, { request, task })
  let wholeSent = false
  try {
    await pump.run(request.body)
    wholeSent = true
    return await raceSignal(task.ended, signal)
  } catch (error) {
    signal?.throwIfAborted()
    const mayMiss = request.length === undefined && request.tellsEnd !== true
    if (wholeSent && mayMiss && isXapiError(error, 'VDI_IO_ERROR')) return undefined
    return await settle(task, error, pump)
  } finally {
    pump.close()
  }
}

/** After a broken connection: the task may have succeeded (the host had read enough), failed with a reason, or know nothing of it. */
async function settle(task: TransferTask, failure: unknown, pump: Pump): Promise<unknown> {
  if (isXapiError(failure) || !pump.broken) throw failure
  try {
    return await raceSignal(task.ended, AbortSignal.timeout(settleTime))
  } catch (error) {
    if (isXapiError(error) || isAppError(error, 'xapi.task_lost')) {
      error.cause ??= failure
      throw error
    }
    throw failure
  }
}

/** Finds the host that takes the data with an empty request: a redirection that comes after the first bytes would lose them. It has no task: an empty upload fails. */
async function probe(xapi: Xapi, { path, query, host, signal }: UploadRequest): Promise<Redirection> {
  const context = xapi.streams
  const login = await context.login({ signal })
  const endpoint = host === undefined ? login.endpoint : atHost(login.endpoint, host)
  let target: Redirection = { endpoint, path: pathWith(path, query) }
  for (let hop = 0; hop <= maxRedirections; hop++) {
    const headers = { ...sessionCookie(login), 'Content-Length': 0 }
    const limit = AbortSignal.timeout(context.timeouts.login)
    const { answer, request } = context.http.send(target.endpoint, {
      method: 'PUT', path: target.path, headers, lane: 'stream', signal: signal ? AbortSignal.any([signal, limit]) : limit,
    }) // prettier-ignore
    try {
      const response = await answer
      const next = redirectionOf(response, target)
      if (!next) {
        const status = response.statusCode ?? 0
        if (status >= 400 && status < 500) throw xapiErrors.http_status({ status, what: `PUT ${path}` })
        return target
      }
      target = next
    } catch (error) {
      if (limit.aborted) throw xapiErrors.timeout({ what: `PUT ${path}`, ms: context.timeouts.login }, { cause: error })
      // A host may just close the connection on an upload of nothing.
      if (error instanceof NoAnswer) return target
      throw error
    } finally {
      request.destroy()
    }
  }
  throw xapiErrors.bad_answer({ expected: 'an answer', got: `more than ${maxRedirections} redirections`, at: path })
}

interface PumpParts {
  readonly request: UploadRequest
  readonly task: TransferTask
}

/** Writes a body as fast as the host takes it, and stops as soon as anything says that it is of no use. */
class Pump {
  /** Whether the connection, or the host's answer, ended the upload. */
  broken = false
  #sent = 0
  #failure: { readonly error: unknown } | undefined
  /** Who waits for a write or for data; told of a failure. One slot: racing against one promise for each part would pile up. */
  #waiting: ((error: unknown) => void) | undefined
  readonly #request: ClientRequest
  readonly #upload: UploadRequest
  readonly #what: string

  private constructor(request: ClientRequest, upload: UploadRequest, what: string) {
    this.#request = request
    this.#upload = upload
    this.#what = what
  }

  static async open(xapi: Xapi, { endpoint, path }: Redirection, { request: upload, task }: PumpParts): Promise<Pump> {
    const context = xapi.streams
    const { timeouts } = context
    const { signal, length = endless } = upload
    const headers = { ...sessionCookie(await context.login({ signal })), 'Content-Length': length }
    const separator = path.includes('?') ? '&' : '?'
    const exchange = context.http.send(endpoint, {
      method: 'PUT', path: `${path}${separator}task_id=${encodeURIComponent(task.ref)}`, headers, lane: 'stream', open: true, signal,
    }) // prettier-ignore
    const what = `${upload.path} on ${endpointText(endpoint)}`
    const pump = new Pump(exchange.request, upload, what)
    exchange.request.setTimeout(timeouts.idle, () => pump.#break(xapiErrors.timeout({ what, ms: timeouts.idle })))
    exchange.request.on('error', (error) => pump.#break(error))
    exchange.request.on('close', () => pump.#break(new Error('the host closed the connection')))
    void pump.#watchAnswer(exchange.answer)
    void pump.#watchTask(task)
    return pump
  }

  /** Writes all of `body`, and waits until the connection has taken it. */
  async run(body: ByteStream | Iterable<Uint8Array>): Promise<void> {
    const { length } = this.#upload
    const source = Symbol.asyncIterator in body ? body[Symbol.asyncIterator]() : body[Symbol.iterator]()
    try {
      for (;;) {
        const next = await this.#unlessBroken(Promise.resolve(source.next()))
        if (next.done) break
        this.#sent += next.value.length
        if (length !== undefined && this.#sent > length) throw this.#wrongLength(length)
        if (!this.#request.write(next.value)) await this.#unlessBroken(this.#drained())
      }
      if (length !== undefined && this.#sent < length) throw this.#wrongLength(length)
      await this.#unlessBroken(this.#finish())
    } finally {
      await source.return?.()
    }
  }

  close(): void {
    this.#failure ??= { error: new Error('closed') }
    this.#request.destroy()
  }

  /**
   * Ends the request; with an announced length that is not reached, by ending the connection once everything is written,
   * unless the host finds the end by itself.
   */
  async #finish(): Promise<void> {
    if (this.#upload.length !== undefined) return void this.#request.end()
    // The host knows the end when it has read it. Ending the connection before could cost what it has not read yet.
    if (this.#upload.tellsEnd === true) return
    // An empty body has not sent its head yet.
    this.#request.flushHeaders()
    await new Promise<void>((resolve) => {
      const { socket } = this.#request
      if (socket) socket.end(resolve)
      else this.#request.once('socket', (late) => late.end(resolve))
    })
  }

  async #drained(): Promise<void> {
    await new Promise<void>((resolve) => void this.#request.once('drain', resolve))
  }

  async #unlessBroken<T>(work: Promise<T>): Promise<T> {
    if (this.#failure) throw this.#failure.error
    try {
      return await new Promise<T>((resolve, reject) => {
        this.#waiting = reject
        work.then(resolve, reject)
      })
    } finally {
      this.#waiting = undefined
    }
  }

  async #watchAnswer(answer: Promise<{ statusCode?: number | undefined; resume(): unknown }>): Promise<void> {
    try {
      const response = await answer
      response.resume()
      const { statusCode: status = 0 } = response
      if (status !== 200) this.#break(xapiErrors.http_status({ status, what: `PUT ${this.#what}` }))
    } catch (error) {
      this.#break(error instanceof NoAnswer ? error.cause : error)
    }
  }

  async #watchTask(task: TransferTask): Promise<void> {
    try {
      await task.ended
    } catch (error) {
      this.#fail(error)
    }
  }

  #break(cause: unknown): void {
    this.broken = true
    if (isAppError(cause) || this.#upload.signal?.aborted) return this.#fail(cause)
    const reason = messageOf(cause)
    this.#fail(xapiErrors.upload_broken({ what: this.#what, sent: this.#sent, reason }, { cause }))
  }

  #fail(error: unknown): void {
    this.#failure ??= { error }
    this.#waiting?.(error)
  }

  #wrongLength(length: number): Error {
    const reason = `${length} bytes were announced`
    return xapiErrors.upload_broken({ what: this.#what, sent: this.#sent, reason })
  }
}
