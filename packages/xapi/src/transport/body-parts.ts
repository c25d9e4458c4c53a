import type { IncomingMessage } from 'node:http'
import { finished } from 'node:stream'
import { xapiErrors } from '../errors.ts'
import type { PartSource } from '../wire/json-source.ts'
import { isDisconnect } from './http-client.ts'

/** What is not taken is kept up to this size, in bytes; then the host has to wait. */
const maxQueued = 1024 * 1024

/**
 * The body's parts as they come, without a promise for each where several are there. A connection that breaks is `xapi.truncated`, and a
 * length that is announced too large is refused before it is read.
 */
export class BodyParts implements PartSource {
  readonly #response: IncomingMessage
  readonly #queue: Uint8Array[] = []
  /** The first part of the queue that is not taken. */
  #next = 0
  #queued = 0
  #received = 0
  #end: { readonly error?: unknown } | undefined
  #wake: (() => void) | undefined

  /** @throws xapi.too_large */
  constructor(response: IncomingMessage, limit: number) {
    const announced = response.headers['content-length']
    if (announced !== undefined && Number(announced) > limit) throw xapiErrors.too_large({ limit })
    this.#response = response
    // No encoding is set on the response.
    response.on('data', (part: Uint8Array) => this.#push(part))
    finished(response, { writable: false }, (error) => {
      this.#end = error ? { error: this.#reason(error, announced) } : {}
      this.#wake?.()
    })
  }

  take(): Uint8Array | undefined {
    const part = this.#queue[this.#next]
    if (!part) return undefined
    this.#next++
    this.#queued -= part.length
    if (this.#next === this.#queue.length) {
      this.#queue.length = 0
      this.#next = 0
      if (this.#response.isPaused()) this.#response.resume()
    }
    return part
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined> {
    return {
      next: async () => {
        for (;;) {
          const value = this.take()
          if (value) return { done: false, value }
          if (this.#end && 'error' in this.#end) throw this.#end.error
          if (this.#end) return { done: true, value: undefined }
          await new Promise<void>((resolve) => (this.#wake = resolve))
        }
      },
      return: async () => {
        this.#response.destroy()
        return { done: true, value: undefined }
      },
    }
  }

  #push(part: Uint8Array): void {
    this.#queue.push(part)
    this.#received += part.length
    this.#queued += part.length
    if (this.#queued >= maxQueued) this.#response.pause()
    this.#wake?.()
  }

  #reason(error: Error, announced: string | undefined): unknown {
    if (!isDisconnect(error)) return error
    const expected = announced === undefined ? 'the rest of the answer' : `${announced} bytes`
    return xapiErrors.truncated({ received: this.#received, expected }, { cause: error })
  }
}
