import type { Clock } from '@nixen/core'
import { XapiError } from '@nixen/xapi'

/** Slows or cuts a stream. Of several rules that fit, the first that was added counts. */
export interface StreamFaultRule {
  /** Path of the HTTP handler (`/export_raw_vdi`), `/export*` for all that begin so, `nbd` for reads over NBD, or `*`. */
  readonly stream: string
  /** Lets no more through than that. */
  readonly bytesPerSecond?: number
  /** Breaks the stream off when more than so many bytes would pass; of NBD each read beyond fails with an I/O error. */
  readonly cutAfter?: number
  /** Share of the streams, 0 to 1; 1 when left out. */
  readonly probability?: number
  /** How many streams at the most; without end when left out. */
  readonly count?: number
}

/** Whether a rule is about a stream of that name. */
export function fitsStream({ stream }: StreamFaultRule, name: string): boolean {
  if (stream === '*' || stream === name) return true
  return stream.endsWith('*') && name.startsWith(stream.slice(0, -1))
}

/** One stream under a rule: counts what passes. */
export class ImpededStream {
  readonly #rule: StreamFaultRule
  readonly #clock: Clock
  readonly #started: number
  #passed = 0

  constructor(rule: StreamFaultRule, clock: Clock) {
    this.#rule = rule
    this.#clock = clock
    this.#started = clock.monotonic()
  }

  /** How many of the next `bytes` still pass. */
  room(bytes: number): number {
    return Math.max(0, Math.min(bytes, (this.#rule.cutAfter ?? Infinity) - this.#passed))
  }

  /** Counts bytes, and waits until they may have passed. */
  async pass(bytes: number, signal?: AbortSignal): Promise<void> {
    this.#passed += bytes
    const { bytesPerSecond } = this.#rule
    if (bytesPerSecond === undefined) return
    const wait = this.#started + (1000 * this.#passed) / bytesPerSecond - this.#clock.monotonic()
    if (wait > 0) await this.#clock.sleep(wait, signal ? { signal } : {})
  }

  /** A stream that is as slow as the rule says, in small parts, and ends in `VDI_IO_ERROR` where it is cut. */
  async *impede(bytes: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    // Twenty parts a second look even to whoever reads.
    const most = Math.max(1, Math.ceil((this.#rule.bytesPerSecond ?? Infinity) / 20))
    for await (const part of bytes) {
      for (let at = 0; at < part.length; at += most) {
        const piece = part.subarray(at, at + most)
        const room = this.room(piece.length)
        await this.pass(room, signal)
        if (room > 0) yield piece.subarray(0, room)
        if (room < piece.length) throw cut()
      }
    }
  }
}

/** The error of a stream that a rule has cut. */
export function cut(): XapiError {
  return new XapiError('VDI_IO_ERROR', ['The stream was cut by a fault rule'])
}
