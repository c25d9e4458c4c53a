import { protectErrors } from '@nixen/api'
import { backoff, isAppError } from '@nixen/core'
import { nbdErrors, type DiskSource, type Extent, type ExtentOptions, type IoOptions, type NbdDisk } from '@nixen/disk'
import type { Ref } from '@nixen/xapi'
import { isGone, type ProtectContext } from './context.ts'
import { openAtSome, type NbdOptions } from './nbd-exports.ts'

export interface NbdSourceOptions extends NbdOptions {
  /** For messages. */
  readonly name: string
  /** Where there is data, when the host's NBD server does not tell. */
  readonly data?: readonly Extent[] | undefined
}

/** For how long a host that went away is waited for, in milliseconds. */
const patience = 60_000

/**
 * A frozen disk over NBD that goes on at another host, or with another session, when the one that it was read from is gone: the name of an
 * export holds the session, so that it can't just be opened again.
 */
export class NbdSource implements DiskSource {
  readonly size: number
  readonly #context: ProtectContext
  readonly #vdi: Ref<'VDI'>
  readonly #options: NbdSourceOptions
  #disk: NbdDisk
  #reopening: Promise<void> | undefined
  readonly #closing = new AbortController()

  constructor(context: ProtectContext, vdi: Ref<'VDI'>, { disk, ...options }: NbdSourceOptions & { disk: NbdDisk }) {
    this.#context = context
    this.#vdi = vdi
    this.#options = options
    this.#disk = disk
    this.size = disk.size
  }

  async *extents(options: ExtentOptions = {}): AsyncGenerator<Extent> {
    const { data, name } = this.#options
    if (options.since !== undefined) throw nbdErrors.context_missing({ where: name, context: options.since })
    if (data !== undefined) return yield* data
    const trouble = new Trouble()
    for (let done = 0; done < this.size;) {
      const disk = this.#disk
      try {
        for await (const { offset, length, kind } of disk.extents(options)) {
          // The disk is frozen: after a fault the list is the same, and goes on where it ended.
          const start = Math.max(offset, done)
          if (offset + length <= start) continue
          done = offset + length
          yield { offset: start, length: done - start, kind }
        }
        return
      } catch (error) {
        await this.#recover(disk, error, { trouble, ...options })
      }
    }
  }

  async read(offset: number, into: Uint8Array, options: IoOptions = {}): Promise<void> {
    const trouble = new Trouble()
    for (;;) {
      const disk = this.#disk
      try {
        return await disk.read(offset, into, options)
      } catch (error) {
        await this.#recover(disk, error, { trouble, ...options })
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort()
    await this.#reopening?.catch(() => undefined)
    await this.#disk[Symbol.asyncDispose]()
  }

  /** Makes ready for another try, or throws what went wrong. */
  async #recover(disk: NbdDisk, error: unknown, options: IoOptions & { trouble: Trouble }): Promise<void> {
    const { clock, random } = this.#context
    const { trouble, signal } = options
    signal?.throwIfAborted()
    trouble.since ??= clock.monotonic()
    trouble.tries++
    const late = clock.monotonic() - trouble.since > patience
    // A reading that fails again and again is the disk's fault, not the connection's.
    const broken = isAppError(error, 'nbd.request_failed') && trouble.tries > 2
    if (!mayPass(error) || late || broken || this.#closing.signal.aborted) throw error
    if (trouble.tries > 1) await clock.sleep(backoff(trouble.tries, { base: 100, max: 5000, random }), { signal })
    await this.#reopen(disk, error)
  }

  /** Opens the disk again, once for all who failed with the same connection. A try that fails leaves the old one, for the next try. */
  async #reopen(failed: NbdDisk, cause: unknown): Promise<void> {
    if (this.#disk !== failed) return
    this.#reopening ??= this.#replace(cause).finally(() => (this.#reopening = undefined))
    await this.#reopening
  }

  async #replace(cause: unknown): Promise<void> {
    const { name } = this.#options
    const opened = await this.#open(cause)
    if (!opened) return
    if (opened.size !== this.size) {
      await opened[Symbol.asyncDispose]()
      throw protectErrors.source_changed({ disk: name, before: this.size, now: opened.size })
    }
    const old = this.#disk
    this.#disk = opened
    await old[Symbol.asyncDispose]()
  }

  async #open(cause: unknown): Promise<NbdDisk | undefined> {
    const options = { ...this.#options, signal: this.#closing.signal }
    try {
      const opened = await openAtSome(this.#context, this.#vdi, options)
      return 'code' in opened ? undefined : opened
    } catch (error) {
      if (isGone(error)) throw protectErrors.frozen_gone({ disk: this.#options.name }, { cause })
      // The pool does not answer now; the next try may find it.
      if (isAppError(error) && error.retryable) return undefined
      throw error
    }
  }
}

/** What has gone wrong with one request so far. */
class Trouble {
  since: number | undefined
  tries = 0
}

/** Whether another connection may do better. */
function mayPass(error: unknown): boolean {
  return isAppError(error) && (error.retryable || retried.has(error.code))
}

const retried: ReadonlySet<string> = new Set([
  'nbd.unreachable',
  'nbd.disconnected',
  'nbd.timeout',
  'nbd.closed',
  'nbd.unknown_export',
  'nbd.refused',
  'nbd.tls_failed',
  'nbd.request_failed',
  'nbd.export_changed',
  'nbd.protocol',
])
