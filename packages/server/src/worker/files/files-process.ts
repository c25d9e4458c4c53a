import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { MiB } from '@nixen/core'
import type { DiskSource } from '@nixen/disk'
import { fileErrors } from '@nixen/disk/files'
import type { FileFacts } from '../operations/files.ts'
import { fromWire, toWire } from '../protocol.ts'
import { longestRead, type FilesAnswer, type FilesRequest, type FromFiles, type ToFiles } from './protocol.ts'

export interface FilesLimits {
  /** Bytes of memory (RSS) at which the process is stopped; 512 MiB when left out. */
  readonly memory?: number | undefined
  /** Milliseconds without a sign of life after which it counts as hung; 30,000 when left out. */
  readonly silence?: number | undefined
  /** Milliseconds that a list or search may take; 10 minutes when left out. What is sent may take as long as somebody reads it. */
  readonly longest?: number | undefined
}

export interface FilesOptions {
  readonly disks: readonly { readonly name: string; readonly source: DiskSource }[]
  readonly signal: AbortSignal
  readonly limits?: FilesLimits | undefined
  readonly items?: ((items: readonly FileFacts[]) => Promise<void>) | undefined
  readonly begin?:
    | ((facts: { readonly name: string; readonly length?: number | undefined }) => Promise<void>)
    | undefined
  /** Resolves when there is room for more. */
  readonly part?: ((bytes: Uint8Array) => Promise<void>) | undefined
}

/** Bytes of JavaScript's heap of the process. */
const heap = 256 * MiB

/**
 * Reads file systems in a process that has no files, no network, no secrets and no other rights ({@link file://./main.ts}). One request, then it is gone.
 *
 * @throws file.*; file.damaged also where the process was ended because of what a disk made it do
 */
export async function readFiles(request: FilesRequest, options: FilesOptions): Promise<FilesAnswer> {
  options.signal.throwIfAborted()
  await using child = new FilesProcess(options)
  return await child.run(request)
}

class FilesProcess implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #options: FilesOptions
  readonly #answer = Promise.withResolvers<FilesAnswer>()
  readonly #gone = Promise.withResolvers<void>()
  /** Once one is set, nothing else counts. */
  #verdict: Error | undefined
  #watch: NodeJS.Timeout | undefined
  #longest: NodeJS.Timeout | undefined
  #sending = false

  constructor(options: FilesOptions) {
    this.#options = options
    this.#child = fork(fileURLToPath(new URL('./main.ts', import.meta.url)), [], {
      // Its own code is read with this right, which it then gives up.
      execArgv: [
        '--permission',
        '--allow-fs-read=*',
        `--max-old-space-size=${heap / MiB}`,
        '--disable-warning=ExperimentalWarning',
      ],
      env: {},
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    })
    this.#child.on('message', (message) => void this.#receive(message as FromFiles))
    this.#child.once('error', (error) => this.#end(error))
    this.#child.once('exit', (code, signal) => {
      this.#end(this.#broken(`it made the reading process end (${signal ?? code})`))
      this.#gone.resolve()
    })
  }

  async run(request: FilesRequest): Promise<FilesAnswer> {
    const { disks, signal, limits } = this.#options
    const onAbort = (): void => this.#end(signal.reason as Error)
    signal.addEventListener('abort', onAbort, { once: true })
    this.#sending = request.do === 'send'
    this.#keepWatch()
    const longest = limits?.longest ?? 600_000
    if (!this.#sending) {
      this.#longest = setTimeout(() => this.#end(this.#broken('reading it takes too long')), longest)
    }
    try {
      this.#send({ type: 'start', disks: disks.map(({ name, source }) => ({ name, size: source.size })), request })
      return await this.#answer.promise
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end(new DOMException('no longer needed', 'AbortError'))
    await this.#gone.promise
  }

  async #receive(message: FromFiles): Promise<void> {
    if (this.#verdict) return
    this.#keepWatch()
    const { items, begin, part, limits } = this.#options
    try {
      switch (message.type) {
        case 'read':
          return await this.#read(message)
        case 'items':
          await items?.(message.items)
          return this.#send({ type: 'taken' })
        case 'begin':
          return await begin?.(message)
        case 'part':
          await part?.(message.bytes)
          return this.#send({ type: 'taken' })
        case 'alive':
          if (message.rss > (limits?.memory ?? 512 * MiB)) this.#end(this.#broken('reading it takes too much memory'))
          return
        case 'done':
          return this.#answer.resolve(message.answer)
        case 'failed':
          return this.#end(fromWire(message.error))
      }
    } catch (error) {
      // Whoever takes what it reads has failed, or gone away.
      this.#end(error instanceof Error ? error : new Error(String(error)))
    }
  }

  async #read({ id, disk, offset, length }: FromFiles & { type: 'read' }): Promise<void> {
    const source = this.#options.disks[disk]?.source
    const fits = Number.isSafeInteger(offset) && offset >= 0 && length >= 0 && length <= longestRead
    if (!source || !fits || offset + length > source.size) {
      return this.#end(this.#broken('it made the reading process ask for impossible bytes'))
    }
    try {
      const bytes = Buffer.allocUnsafe(length)
      await source.read(offset, bytes, { signal: this.#options.signal })
      this.#send({ type: 'bytes', id, bytes })
    } catch (error) {
      this.#send({ type: 'failed', id, error: toWire(error) })
    }
  }

  #send(message: ToFiles): void {
    // A channel that is closed: the end of the process is told elsewhere.
    if (this.#child.connected) this.#child.send(message, () => undefined)
  }

  #keepWatch(): void {
    clearTimeout(this.#watch)
    const silence = this.#options.limits?.silence ?? 30_000
    this.#watch = setTimeout(() => this.#end(this.#broken('it made the reading process hang')), silence)
  }

  #broken(what: string): Error {
    return fileErrors.damaged({ where: this.#options.disks.map(({ name }) => name).join(', '), what })
  }

  #end(because: Error): void {
    clearTimeout(this.#watch)
    clearTimeout(this.#longest)
    if (this.#verdict) return
    this.#verdict = because
    this.#answer.reject(because)
    // After an answer nobody waits for this.
    this.#answer.promise.catch(() => undefined)
    this.#child.kill('SIGKILL')
    // A process that never started has no end.
    if (this.#child.pid === undefined) this.#gone.resolve()
  }
}
