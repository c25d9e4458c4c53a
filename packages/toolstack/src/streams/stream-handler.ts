import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { ByteStream } from '@nixen/core'
import { isXapiError, XapiError } from '@nixen/xapi'
import type { Call } from '../dispatch/call.ts'
import { errorOf } from '../dispatch/answer.ts'
import type { ImpededStream } from '../faults/stream-faults.ts'
import type { Ref } from '../generated/rows.ts'
import type { Pool } from '../pool/pool.ts'
import type { TaskHandle } from '../tasks/tasks.ts'
import { authenticate, requestValue, type HttpIdentity } from '../wire/http-auth.ts'
import { sendText, type HttpExchange, type HttpHandler } from '../wire/http-exchange.ts'

/** A transfer under way: the exchange, who asked, and the task that shows it. */
export interface Transfer {
  readonly pool: Pool
  readonly exchange: HttpExchange
  readonly query: URLSearchParams
  readonly task: TaskHandle
  /** As for a message, for those who work on objects. */
  readonly call: Call
  /** Aborted when the task is cancelled, the client of a download leaves, or the toolstack stops. */
  readonly signal: AbortSignal
}

/** What a stream handler is. */
export interface StreamAction {
  /** Name of the HTTP action in the data model, which has its role. */
  readonly action: string
  /** `task.name_label`. */
  readonly label: string
  /** The host that has to answer; another one than asked is answered with a redirect. Throws as `work` does. */
  readonly hostFor?: ((pool: Pool, exchange: HttpExchange) => Ref<'host'> | undefined) | undefined
  /** Does it. Resolves to the result of the task as XML-RPC text. What it throws fails the task. */
  readonly work: (transfer: Transfer) => Promise<string>
}

/** An upload of unknown length is announced as 1 PiB by the npm client, which drops the connection at the end. */
export const unknownLength: number = 2 ** 50

/** Makes an HTTP handler of a transfer: who may, where, and the task that tells how it ends. */
export function streamHandler(pool: Pool, { action, label, hostFor, work }: StreamAction): HttpHandler {
  const model = pool.db.model.httpActions.find(({ name }) => name === action)
  if (!model) throw new TypeError(`No HTTP action ${action} in the data model`)
  return async (exchange) => {
    const identity = authenticate(pool, exchange, { permission: action, minRole: model.minRole })
    if (!identity) return
    try {
      await answer({ pool, exchange, identity, label, hostFor, work })
    } finally {
      identity.end()
      pool.db.commit()
    }
  }
}

interface Answering extends Pick<StreamAction, 'label' | 'hostFor' | 'work'> {
  readonly pool: Pool
  readonly exchange: HttpExchange
  readonly identity: HttpIdentity
}

async function answer({ pool, exchange, identity, label, hostFor, work }: Answering): Promise<void> {
  const { request, response, query } = exchange
  const taskId = requestValue(request, query, 'task_id')
  if (request.method === 'PUT' && request.headers['transfer-encoding'] !== undefined) {
    failGiven(pool, taskId, new XapiError('IMPORT_ERROR_CANNOT_HANDLE_CHUNKED', []))
    return sendText(response, 403, 'IMPORT_ERROR_CANNOT_HANDLE_CHUNKED', { connection: 'close' })
  }
  const elsewhere = elsewhereOf(pool, exchange, hostFor)
  if (elsewhere !== undefined) return redirect(pool, exchange, elsewhere)
  // Clients learn of redirects by an empty upload; it must do nothing.
  if (request.method === 'PUT' && request.headers['content-length'] === '0' && taskId === undefined) {
    response.writeHead(200, { connection: 'close', 'content-length': 0 })
    return void response.end()
  }
  const ref = taskOf(pool, exchange, { taskId, label, identity })
  response.setHeader('task-id', ref)
  const left = new AbortController()
  response.once('close', () => {
    if (!response.writableFinished && !complete.has(response))
      left.abort(new XapiError('VDI_IO_ERROR', ['The client has gone']))
  })
  const ended = Promise.withResolvers<void>()
  pool.tasks.start(ref, async (task) => {
    try {
      return await run({ pool, exchange, identity, task, left: left.signal, work })
    } finally {
      ended.resolve()
    }
  })
  await ended.promise
}

async function run({
  pool,
  exchange,
  identity,
  task,
  left,
  work,
}: Pick<Answering, 'pool' | 'exchange' | 'identity' | 'work'> & {
  task: TaskHandle
  left: AbortSignal
}): Promise<string> {
  const { request, response, host, query } = exchange
  const upload = request.method === 'PUT'
  const signal = upload ? task.signal : AbortSignal.any([task.signal, left])
  const method = `http.${exchange.path}`
  const call: Call = { pool, db: pool.db, host, session: identity.session, task, hungUp: left, method }
  try {
    const result = await work({ pool, exchange, query, task, call, signal })
    if (!response.writableEnded) response.end()
    return result
  } catch (error) {
    if (upload && response.headersSent) takeRest(exchange)
    else fail(response, error)
    throw error
  }
}

function fail(response: ServerResponse, error: unknown): void {
  // A transfer that has begun can only be broken off, so that nobody takes it for whole.
  if (response.headersSent) return void response.destroy()
  const { code, params } = errorOf(error)
  const status = isXapiError(error, 'NOT_FOUND') ? 404 : 500
  sendText(response, status, [code, ...params].join(' '), { connection: 'close' })
}

/** How long a failed upload is read on, milliseconds. */
const lingering = 5000

/** Ends a failed upload. A client that still sends would miss the end of the answer if the connection broke under it, so its bytes are thrown away for a while. */
function takeRest({ request, response }: HttpExchange): void {
  if (request.destroyed && !request.readableEnded) return void response.destroy()
  const timer = setTimeout(() => response.destroy(), lingering)
  response.once('close', () => clearTimeout(timer))
  request.on('error', () => undefined)
  request.once('end', () => response.end())
  if (request.readableEnded) response.end()
  else request.resume()
}

function failGiven(pool: Pool, task: string | undefined, error: Error): void {
  // Any text may come here; only a task that exists is failed.
  const ref = task as Ref<'task'> | undefined
  if (ref !== undefined && pool.db.find('task', ref)) pool.tasks.fail(ref, error)
}

/** The task that was given, or a new one, perhaps below another. */
function taskOf(
  pool: Pool,
  { request, query, host }: HttpExchange,
  { taskId, label, identity }: { taskId: string | undefined; label: string; identity: HttpIdentity },
): Ref<'task'> {
  // Any text may come here; it counts when there is such a task.
  const given = taskId as Ref<'task'> | undefined
  if (given !== undefined && pool.db.find('task', given)?.status === 'pending') return given
  const above = requestValue(request, query, 'subtask_of') as Ref<'task'> | undefined
  const parent = above !== undefined && pool.db.find('task', above) ? { subtask_of: above } : {}
  return pool.tasks.create(label, { resident_on: host, session: identity.session.ref, ...parent })
}

function elsewhereOf(pool: Pool, exchange: HttpExchange, hostFor: StreamAction['hostFor']): Ref<'host'> | undefined {
  try {
    const host = hostFor?.(pool, exchange)
    return host === undefined || host === exchange.host ? undefined : host
  } catch {
    // What is wrong with the request is said by the work itself, and by its task.
    return undefined
  }
}

/** Sends the client to the same path of another host, whose addresses share our port. */
function redirect(pool: Pool, { request, response }: HttpExchange, host: Ref<'host'>): void {
  const { address } = pool.db.get('host', host)
  const scheme = 'encrypted' in request.socket ? 'https' : 'http'
  const location = `${scheme}://${address}:${request.socket.localPort}${request.url ?? '/'}`
  sendText(response, 302, 'It is on another host.', { location, connection: 'close' })
}

/** Starts an answer that ends with the connection, as a host does: HTTP/1.0, no chunks. */
export function startDownload(
  { exchange: { response } }: Transfer,
  { type, length, name }: { type: string; length?: number | undefined; name?: string | undefined },
): void {
  response.useChunkedEncodingByDefault = false
  response.shouldKeepAlive = false
  response.writeHead(200, {
    'content-type': type,
    connection: 'close',
    ...(length === undefined ? {} : { 'content-length': length }),
    ...(name === undefined ? {} : { 'content-disposition': `attachment; filename="${name}"` }),
  })
  response.flushHeaders()
}

/** Sends a stream with back-pressure. Each part may be used again only after the next one is asked for. */
export async function sendBytes(
  { pool, exchange, signal }: Pick<Transfer, 'pool' | 'exchange' | 'signal'>,
  bytes: ByteStream,
): Promise<void> {
  const { response } = exchange
  const length = Number(response.getHeader('content-length') ?? Infinity)
  let sent = 0
  for await (const part of pool.faults.stream(exchange.path)?.impede(bytes, signal) ?? bytes) {
    signal.throwIfAborted()
    sent += part.length
    if (sent >= length) complete.add(response)
    // Small parts may still be queued when the next one is asked for; of large ones the "drain" says that they have gone.
    if (response.write(part.length < response.writableHighWaterMark ? part.slice() : part) || sent >= length) continue
    await once(response, 'drain', { signal })
  }
  signal.throwIfAborted()
  if (response.closed) return
  await new Promise<void>((resolve) => response.once('close', resolve).end(resolve))
}

/** Answers whose announced length was sent: the client may hang up before they have formally ended. */
const complete = new WeakSet<ServerResponse>()

function accept({ exchange: { response } }: Transfer): void {
  if (response.headersSent) return
  response.useChunkedEncodingByDefault = false
  response.shouldKeepAlive = false
  response.writeHead(200, { connection: 'close', 'content-type': 'text/plain' })
  response.flushHeaders()
}

/**
 * Says "200" and waits for the first bytes of an upload, so that nothing is taken before. The npm client first sends a request without a body, which may
 * announce 1 PiB, and the upload while that one still goes away. `VDI_IO_ERROR` when nothing comes.
 */
export async function uploadBegins(transfer: Transfer): Promise<void> {
  const { request } = transfer.exchange
  accept(transfer)
  if (request.readableLength === 0 && !request.readableEnded && !request.destroyed) {
    await new Promise<void>((resolve) => {
      const go = (): void => resolve()
      request.once('readable', go).once('close', go).once('error', go)
      transfer.signal.addEventListener('abort', go, { once: true })
    })
  }
  transfer.signal.throwIfAborted()
  if (request.readableLength === 0) throw new XapiError('VDI_IO_ERROR', ['The upload has no data'])
}

/** Says "200" before the upload, as a host does, and gives its bytes. A cut upload is `VDI_IO_ERROR`, unless its length was not known. */
export function receiveBytes(transfer: Transfer): AsyncGenerator<Uint8Array> {
  const stream = transfer.pool.faults.stream(transfer.exchange.path)
  return stream ? receiveImpeded(transfer, stream) : receiveAll(transfer)
}

/** A rule that cuts an upload breaks the connection. */
async function* receiveImpeded(transfer: Transfer, stream: ImpededStream): AsyncGenerator<Uint8Array> {
  try {
    yield* stream.impede(receiveAll(transfer), transfer.signal)
  } catch (error) {
    transfer.exchange.request.destroy()
    throw error
  }
}

async function* receiveAll(transfer: Transfer): AsyncGenerator<Uint8Array> {
  const { exchange, signal } = transfer
  const { request } = exchange
  const announced = Number(request.headers['content-length'] ?? unknownLength)
  accept(transfer)
  let received = 0
  try {
    // Without an encoding a request yields buffers. Who reads it no further may still want to answer.
    for await (const part of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      signal.throwIfAborted()
      received += part.length
      yield part
    }
  } catch (error) {
    signal.throwIfAborted()
    if (announced >= unknownLength || received === announced) return
    throw new XapiError('VDI_IO_ERROR', [`The upload ended after ${received} of ${announced} bytes`], { cause: error })
  }
}
