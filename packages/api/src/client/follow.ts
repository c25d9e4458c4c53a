import { backoff, isAbort, isAppError, messageOf, type Clock } from '@nixen/core'
import { clientErrors } from './errors.ts'
import { readEvents } from './sse.ts'

export interface FollowOptions {
  readonly signal?: AbortSignal | undefined
  readonly clock: Clock
}

/** An event with its data parsed. */
interface Followed {
  readonly event: string
  readonly id?: string
  readonly data: unknown
}

/** A stream that brings nothing for so long, not even a comment, is taken for broken; in milliseconds. Servers send a comment every 20 s. */
const longestSilence = 60_000
/** Longest pause before another try, in milliseconds. */
const longestPause = 30_000

/**
 * Follows a stream of server-sent events for ever. When it breaks it is opened again after a pause that grows up to 30 s, with the
 * id of the last event, so that nothing is missed (the server sends a `reset` when it cannot go on from there). What a pause does not
 * mend (401, 403, 404) is thrown; so is the reason of an abort. Events are read only as fast as they are taken.
 *
 * @param open sends the request; `lastEventId` is absent the first time
 */
export async function* followEvents<T extends Followed>(
  open: (lastEventId: string | undefined) => Promise<Response>,
  { signal, clock }: FollowOptions,
): AsyncGenerator<T> {
  let lastEventId: string | undefined
  for (let attempt = 0; ; attempt++) {
    try {
      const response = await open(lastEventId)
      for await (const { event, data, id } of readEvents(bodyOf(response, signal))) {
        attempt = 0
        lastEventId = id ?? lastEventId
        // The data is what the endpoint's `stream` says; both sides are of one version.
        yield { event, data: JSON.parse(data), ...(id === undefined ? {} : { id }) } as T
      }
    } catch (error) {
      if (isAbort(error, signal) || signal?.aborted || !mayPass(error)) throw error
    }
    await clock.sleep(backoff(attempt, { base: 500, max: longestPause }), { signal })
  }
}

/** Whether another try may succeed: the network, a server that restarts, a proxy in between; not a refusal or a defect here. */
function mayPass(error: unknown): boolean {
  if (isAppError(error)) return error.retryable || error.status >= 500
  // `fetch` says so when a body breaks off.
  return error instanceof TypeError
}

async function* bodyOf(response: Response, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  const { body } = response
  if (!body) return
  const reader = body.getReader()
  let silence: ReturnType<typeof setTimeout> | undefined
  try {
    for (;;) {
      // A laptop that slept or a proxy that went away leaves a connection that never ends: it is ended here.
      silence = setTimeout(() => void reader.cancel().catch(() => undefined), longestSilence)
      const { done, value } = await reader.read()
      clearTimeout(silence)
      if (done) return
      yield value
    }
  } catch (error) {
    if (isAbort(error, signal)) throw error
    throw clientErrors.unreachable({ url: response.url, reason: messageOf(error) }, { cause: error })
  } finally {
    clearTimeout(silence)
    // Ends the request when nobody takes events any more; a body that broke off is ended already.
    await reader.cancel().catch(() => undefined)
  }
}
