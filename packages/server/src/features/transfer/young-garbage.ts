import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Bytes after which young buffers are collected: before V8 begins to mark the whole heap, which it does after 12 MiB and more. */
const step = 4 * 1024 * 1024

type Collect = (options: { readonly type: 'minor' }) => void
let collect: Collect | undefined

/**
 * Keeps a stream from having the whole heap marked again and again. Each 16 KiB that TLS hands out is a buffer of its own, whose memory V8 counts
 * against the heap: it marks everything three times a second, which takes most of the processor time of an export (measured: 4.6 s a GiB, 1.8 s
 * without). Those buffers are dead by then; a collection of the young generation frees them in a millisecond
 * or two. `gc` is the only way to ask for one.
 */
export class YoungGarbage {
  #bytes = 0

  /** So many bytes went through in buffers of their own. */
  passed(bytes: number): void {
    this.#bytes += bytes
    if (this.#bytes < step) return
    this.#bytes = 0
    collect ??= collector()
    collect({ type: 'minor' })
  }
}

function collector(): Collect {
  // A context that is made while the flag is set has the function; nothing else sees it.
  setFlagsFromString('--expose-gc')
  try {
    const found: unknown = runInNewContext('gc')
    // What V8 calls `gc` takes these options.
    return typeof found === 'function' ? (found as Collect) : () => undefined
  } finally {
    setFlagsFromString('--no-expose-gc')
  }
}
