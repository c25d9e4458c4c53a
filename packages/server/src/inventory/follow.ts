import type { View } from './view.ts'

/** Most deltas in one event: a browser takes them in one go. */
const most = 500
/** A comment this often keeps proxies from closing a silent stream, milliseconds. */
const heartbeat = 20_000
/** Changes that come within so many milliseconds go out together. */
const gather = 4

export interface FollowOptions {
  readonly view: View
  /** `VIEW.SEQ` that the client has; from now on when left out. */
  readonly since: string | undefined
  readonly version: string
  readonly signal: AbortSignal
  /** Whether the view still shows what the client may see, and the client may still look. Asked before each event. */
  readonly stillAllowed: () => Promise<boolean>
}

/**
 * The text of an event stream of a view. It is read as fast as the client takes it: what waits is in the view's ring, so a slow client
 * holds nothing of its own, and gets a `reset` when the ring has passed it.
 */
export async function* follow({
  view,
  since,
  version,
  signal,
  stillAllowed,
}: FollowOptions): AsyncGenerator<string, void> {
  const start = startOf(view, since)
  if (typeof start === 'string') {
    yield event('reset', { reason: start })
    return
  }
  let seq = start
  yield event('hello', { view: view.id, seq, version }, `${view.id}.${seq}`)
  const waker = new Waker()
  const stopListening = view.onChange(() => waker.wake())
  const onAbort = (): void => waker.wake()
  signal.addEventListener('abort', onAbort)
  try {
    while (!signal.aborted) {
      if (!(await stillAllowed())) {
        yield event('reset', { reason: 'permissions' })
        return
      }
      const deltas = view.since(seq, most)
      if (!deltas) {
        yield event('reset', { reason: 'slow' })
        return
      }
      if (deltas.length > 0) {
        seq += deltas.length
        yield `id: ${view.id}.${seq}\nevent: deltas\ndata: [${deltas.join(',')}]\n\n`
        continue
      }
      if (!(await waker.wait(heartbeat))) yield ': still here\n\n'
      else if (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, gather))
    }
  } finally {
    stopListening()
    signal.removeEventListener('abort', onAbort)
  }
}

/** Where to go on, or why that is not possible. */
function startOf(view: View, since: string | undefined): number | 'restart' | 'gap' {
  if (since === undefined || since === '') return view.seq
  const at = since.lastIndexOf('.')
  const seq = Number(since.slice(at + 1))
  // Another view: of an earlier run, of other permissions, or one that was forgotten.
  if (since.slice(0, at) !== view.id) return 'restart'
  return Number.isSafeInteger(seq) && view.since(seq, 0) ? seq : 'gap'
}

function event(name: string, data: object, id?: string): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`
}

/** Remembers that something happened until somebody waits for it. */
class Waker {
  #happened = false
  #resolve: (() => void) | undefined

  wake(): void {
    this.#happened = true
    this.#resolve?.()
  }

  /** True when something happened, false after `ms` of nothing. */
  async wait(ms: number): Promise<boolean> {
    if (!this.#happened) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms)
        this.#resolve = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      this.#resolve = undefined
    }
    const happened = this.#happened
    this.#happened = false
    return happened
  }
}
