import { systemClock, type Clock } from '@nixen/core'
import type { WritableDisk } from '../../disk-sink.ts'
import type { ChangeToken, DiskSource, Extent, ExtentOptions, IoOptions } from '../../disk-source.ts'
import { addressText } from '../address.ts'
import { nbdErrors } from '../errors.ts'
import { allocationContext, command, exportFlag } from '../protocol.ts'
import { openConnection, type NbdConnectOptions } from './connect.ts'
import { ConnectionPool } from './connection-pool.ts'
import type { Command, NbdConnection } from './connection.ts'
import { remoteExtents } from './extents.ts'
import type { NbdBlockSizes, Negotiated } from './handshake.ts'

/** How to open an export as a disk. */
export type OpenNbdOptions = NbdConnectOptions & {
  /** The default export when left out. */
  readonly exportName?: string | undefined
  /**
   * Metadata contexts to ask for beside `base:allocation`. A dirty bitmap that is named here can be given to `extents` as `since`.
   */
  readonly contexts?: readonly string[] | undefined
  /** Connections to spread requests over, where the server allows it; 1 when left out. */
  readonly connections?: number | undefined
  /** Longest silence in milliseconds while replies are due; 60,000 when left out. */
  readonly timeout?: number | undefined
  /** After a cut, requests are repeated on new connections for so many milliseconds; 60,000 when left out, 0 never. */
  readonly resumeWithin?: number | undefined
  /** Takes writes that were acknowledged before a cut as done, though no flush has made them durable. */
  readonly trustUnflushed?: boolean | undefined
  readonly clock?: Clock | undefined
}

/** Requests are cut in pieces of that many bytes, which are on their way together. */
const pieceSize = 1024 * 1024
/** Bytes of one request to zero or to trim; the protocol would allow 4 GiB, but servers run such a request in one go. */
const zeroPieceSize = 128 * 1024 * 1024

/** Opens an export of an NBD server. */
export async function openNbd(options: OpenNbdOptions): Promise<NbdDisk> {
  const { exportName = '', clock = systemClock, timeout = 60_000 } = options
  const contexts = [...new Set([allocationContext, ...(options.contexts ?? [])])]
  const dial = (signal?: AbortSignal): Promise<NbdConnection> =>
    openConnection({ ...options, exportName, contexts, timeout, clock, signal })
  const first = await dial(options.signal)
  const { flags } = first.agreed
  // Without the flag a flush on one connection may not cover writes on another; reading alone has no such trouble.
  const many = (flags & (exportFlag.multiConn | exportFlag.readOnly)) !== 0
  const pool = new ConnectionPool(first, {
    dial,
    size: many ? Math.max(1, options.connections ?? 1) : 1,
    resumeWithin: options.resumeWithin ?? 60_000,
    where: addressText(options, exportName),
    clock,
  })
  return new NbdDisk(pool, first.agreed, {
    where: addressText(options, exportName),
    trustUnflushed: options.trustUnflushed ?? false,
  })
}

/**
 * An export of an NBD server. When the connection is cut it connects again and repeats what was not answered; every request of the protocol
 * may be repeated. Writes that were answered but not flushed may be lost by then: the next `flush` says so (`nbd.unflushed_writes_lost`).
 */
export class NbdDisk implements DiskSource, WritableDisk {
  readonly size: number
  readonly readOnly: boolean
  readonly description: string | undefined
  readonly blockSizes: NbdBlockSizes
  /** Metadata contexts that the server agreed to. */
  readonly contexts: readonly string[]
  readonly #agreed: Negotiated
  readonly #pool: ConnectionPool
  readonly #where: string
  readonly #trustUnflushed: boolean
  /** Writes that were answered, and how many of those a flush covers. */
  #written = 0
  #flushed = 0
  #inDoubt = false

  constructor(pool: ConnectionPool, agreed: Negotiated, options: { where: string; trustUnflushed: boolean }) {
    this.#pool = pool
    this.#agreed = agreed
    this.#where = options.where
    this.#trustUnflushed = options.trustUnflushed
    this.size = agreed.size
    this.readOnly = (agreed.flags & exportFlag.readOnly) !== 0
    this.description = agreed.description
    this.blockSizes = agreed.blockSizes
    this.contexts = [...agreed.contexts.keys()]
    pool.onCut = () => (this.#inDoubt ||= this.#written > this.#flushed)
  }

  /** The token for `extents({ since })` of a metadata context, such as `qemu:dirty-bitmap:backup`. */
  static token(context: string): ChangeToken {
    return context as ChangeToken
  }

  /** Connections that are open now. */
  get connections(): number {
    return this.#pool.open
  }

  extents({ since, signal }: ExtentOptions = {}): AsyncIterable<Extent> {
    if (since !== undefined && !this.#agreed.contexts.has(since)) {
      throw nbdErrors.context_missing({ where: this.#where, context: since })
    }
    return remoteExtents({
      size: this.size,
      alignment: this.blockSizes.minimum,
      allocation: this.#agreed.contexts.has(allocationContext),
      since,
      where: this.#where,
      // Each connection has its own numbers for the contexts.
      status: (offset, length) =>
        this.#pool.run(
          async (connection) => {
            const runs = await connection.send({ type: command.blockStatus, offset, length, signal })
            return (context) => runs.get(connection.agreed.contexts.get(context) ?? -1)
          },
          { signal },
        ),
    })
  }

  async read(offset: number, into: Uint8Array, { signal }: IoOptions = {}): Promise<void> {
    this.#checkRange(offset, into.length)
    const { minimum } = this.blockSizes
    if (offset % minimum !== 0 || into.length % minimum !== 0) await this.#readUnaligned(offset, into, signal)
    else await this.#readAligned(offset, into, signal)
  }

  async write(offset: number, bytes: Uint8Array, { signal }: IoOptions = {}): Promise<void> {
    this.#checkWrite(offset, bytes.length)
    const run = async (at: number, length: number): Promise<void> => {
      const payload = bytes.subarray(at - offset, at - offset + length)
      await this.#request({ type: command.write, offset: at, length, payload }, signal)
      this.#written++
    }
    await this.#pieces(offset, bytes.length, { size: this.#pieceSize, run })
  }

  async zero(offset: number, length: number, { signal }: IoOptions = {}): Promise<void> {
    this.#checkWrite(offset, length)
    const known = (this.#agreed.flags & exportFlag.writeZeroes) !== 0
    const zeros = known ? undefined : new Uint8Array(Math.min(length, this.#pieceSize))
    const run = async (at: number, piece: number): Promise<void> => {
      const request = zeros
        ? { type: command.write, offset: at, length: piece, payload: zeros.subarray(0, piece) }
        : { type: command.writeZeroes, offset: at, length: piece }
      await this.#request(request, signal)
      this.#written++
    }
    await this.#pieces(offset, length, { size: known ? zeroPieceSize : this.#pieceSize, run })
  }

  /** Tells the server that the content of a range does not matter any more; does nothing where it can't be told. */
  async trim(offset: number, length: number, { signal }: IoOptions = {}): Promise<void> {
    this.#checkWrite(offset, length)
    if ((this.#agreed.flags & exportFlag.trim) === 0) return
    const run = (at: number, piece: number): Promise<void> =>
      this.#request({ type: command.trim, offset: at, length: piece }, signal)
    await this.#pieces(offset, length, { size: zeroPieceSize, run })
  }

  async flush({ signal }: IoOptions = {}): Promise<void> {
    if (this.readOnly || (this.#agreed.flags & exportFlag.flush) === 0) return
    const covered = this.#written
    await this.#request({ type: command.flush, offset: 0, length: 0 }, signal)
    this.#flushed = Math.max(this.#flushed, covered)
    const lost = this.#inDoubt && !this.#trustUnflushed
    this.#inDoubt = false
    if (lost) throw nbdErrors.unflushed_writes_lost({ where: this.#where })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.close()
  }

  async #request(request: Command, signal: AbortSignal | undefined): Promise<void> {
    await this.#pool.run((connection) => connection.send({ ...request, signal }), { signal })
  }

  /** Runs the pieces of a range side by side. Waits for all even if one fails: until then memory of the caller is in use. */
  async #pieces(
    offset: number,
    length: number,
    { size, run }: { size: number; run: (at: number, length: number) => Promise<void> },
  ): Promise<void> {
    if (length <= size) return length > 0 ? run(offset, length) : undefined
    const runs: Promise<void>[] = []
    for (let at = offset; at < offset + length; at += size) runs.push(run(at, Math.min(size, offset + length - at)))
    for (const result of await Promise.allSettled(runs)) if (result.status === 'rejected') throw result.reason
  }

  get #pieceSize(): number {
    return Math.min(pieceSize, this.blockSizes.maximum)
  }

  #checkRange(offset: number, length: number): void {
    if (!(offset >= 0 && length >= 0 && offset + length <= this.size)) {
      throw nbdErrors.out_of_range({ offset, length, size: this.size })
    }
  }

  #checkWrite(offset: number, length: number): void {
    if (this.readOnly) throw nbdErrors.read_only({ where: this.#where })
    this.#checkRange(offset, length)
    const { minimum } = this.blockSizes
    if (offset % minimum !== 0 || length % minimum !== 0) {
      throw nbdErrors.unaligned({ where: this.#where, offset, length, minimum })
    }
  }

  async #readAligned(offset: number, into: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    const run = (at: number, length: number): Promise<void> =>
      this.#request(
        { type: command.read, offset: at, length, into: into.subarray(at - offset, at - offset + length) },
        signal,
      )
    await this.#pieces(offset, into.length, { size: this.#pieceSize, run })
  }

  async #readUnaligned(offset: number, into: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    const { minimum } = this.blockSizes
    const start = offset - (offset % minimum)
    const end = Math.min(this.size, Math.ceil((offset + into.length) / minimum) * minimum)
    const whole = new Uint8Array(end - start)
    await this.#readAligned(start, whole, signal)
    into.set(whole.subarray(offset - start, offset - start + into.length))
  }
}
