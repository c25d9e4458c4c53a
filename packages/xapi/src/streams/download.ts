import type { IncomingMessage } from 'node:http'
import { isAppError, raceSignal } from '@nixen/core'
import { xapiErrors } from '../errors.ts'
import type { StreamContext } from '../session/ports.ts'
import type { Xapi } from '../session/xapi.ts'
import { atHost, endpointText } from '../transport/endpoint.ts'
import { isDisconnect, NoAnswer } from '../transport/http-client.ts'
import { blocksOf } from './blocks-of.ts'
import { maxRedirections, pathWith, redirectionOf, sessionCookie, type Query, type Redirection } from './http-path.ts'
import { TransferTask, type TransferOptions } from './transfer-task.ts'

export interface GetRequest {
  readonly path: string
  readonly query: Query
  /** Address of the host to ask; the master when left out. */
  readonly host?: string | undefined
  readonly accept?: string
  readonly signal?: AbortSignal | undefined
}

/** Opens a GET, following redirections to other hosts. @throws xapi.http_status, unreachable, truncated, timeout */
export async function openGet(context: StreamContext, request: GetRequest): Promise<IncomingMessage> {
  const { signal } = request
  const login = await context.login({ signal })
  const endpoint = request.host === undefined ? login.endpoint : atHost(login.endpoint, request.host)
  let target: Redirection = { endpoint, path: pathWith(request.path, request.query) }
  for (let hop = 0; hop <= maxRedirections; hop++) {
    const headers = { ...sessionCookie(login), ...(request.accept ? { Accept: request.accept } : {}) }
    const response = await head(context, target, { headers, path: request.path, signal })
    const next = redirectionOf(response, target)
    if (!next) {
      if (response.statusCode === 200) return response
      response.destroy()
      throw xapiErrors.http_status({ status: response.statusCode ?? 0, what: `GET ${request.path}` })
    }
    response.destroy()
    target = next
  }
  throw xapiErrors.bad_answer({
    expected: 'an answer',
    got: `more than ${maxRedirections} redirections`,
    at: request.path,
  })
}

interface HeadOptions {
  readonly headers: Readonly<Record<string, string>>
  readonly path: string
  readonly signal?: AbortSignal | undefined
}

async function head({ http, timeouts }: StreamContext, { endpoint, path }: Redirection, options: HeadOptions) {
  const { headers, signal } = options
  const exchange = http.send(endpoint, { method: 'GET', path, headers, lane: 'stream', signal })
  const what = `GET ${options.path} on ${endpointText(endpoint)}`
  // The time starts anew with every byte that comes in; what is late is the next byte.
  exchange.request.setTimeout(timeouts.idle, () => {
    exchange.request.destroy(xapiErrors.timeout({ what, ms: timeouts.idle }))
  })
  try {
    const response = await exchange.answer
    // A body without a length ends with the connection, and to Node a reset is an end like any other: this tells them apart.
    exchange.request.on('error', (error) => response.destroy(error))
    return response
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error
    if (isAppError(error.cause)) throw error.cause
    throw xapiErrors.truncated({ received: 0, expected: `an answer to ${what}` }, { cause: error.cause })
  }
}

/** The body of an answer in parts; slow readers slow the host. A connection that breaks is `xapi.truncated`. */
export async function* bodyOf(response: IncomingMessage, signal?: AbortSignal): AsyncGenerator<Uint8Array, void> {
  let received = 0
  try {
    for await (const bytes of blocksOf(response)) {
      received += bytes.length
      yield bytes
    }
  } catch (error) {
    signal?.throwIfAborted()
    if (!isDisconnect(error)) throw error
    const length = response.headers['content-length']
    const expected = length === undefined ? 'the rest of the stream' : `${length} bytes`
    throw xapiErrors.truncated({ received, expected }, { cause: error })
  } finally {
    response.destroy()
  }
}

export interface DownloadRequest extends GetRequest, TransferOptions {
  /** Name of the task on the host. */
  readonly label: string
}

/**
 * Downloads with a task. Exports have no length and end with the connection, so only the task tells a whole stream from one that was cut off:
 * the last `next()` of the generator waits for it, and throws what it failed with.
 */
export async function* download(xapi: Xapi, request: DownloadRequest): AsyncGenerator<Uint8Array, void> {
  const { signal } = request
  await using task = await TransferTask.start(xapi, request.label, { ...request, resultType: 'any' })
  try {
    const query = { ...request.query, task_id: task.ref }
    const response = await openGet(xapi.streams, { ...request, query })
    yield* bodyOf(response, signal)
    await endOf(task, { idle: xapi.streams.timeouts.idle, signal })
  } catch (error) {
    throw await task.explain(error, signal)
  }
}

/** The host has ended the stream: its task ends about now, unless the host is gone. */
async function endOf(
  task: TransferTask,
  { idle, signal }: { idle: number; signal: AbortSignal | undefined },
): Promise<void> {
  const limit = AbortSignal.timeout(idle)
  try {
    await raceSignal(task.ended, signal ? AbortSignal.any([signal, limit]) : limit)
  } catch (error) {
    throw limit.aborted && error === limit.reason
      ? xapiErrors.timeout({ what: 'the end of the export', ms: idle })
      : error
  }
}
