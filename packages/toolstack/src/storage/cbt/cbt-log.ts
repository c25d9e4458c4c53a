import { constants, open, type FileHandle } from 'node:fs/promises'
import { viewOf } from '@nixen/core'
import { nilUuid, uuidBytes, uuidText } from '../uuid-bytes.ts'
import { smError } from '../sm-errors.ts'

// A log of changed blocks, `<vdi-uuid>.cbtlog`, as blktap writes it: 16 bytes UUID of the log before, 16 bytes of the one after, 4 bytes
// "consistent", 4 unused, 8 bytes size of the disk, all little endian, then the bitmap, the lowest bit of a byte first.

/** Bytes of the disk that one bit stands for. */
export const cbtBlockSize: number = 64 * 1024
const headerLength = 48
const consistentAt = 32
const sizeAt = 40
/** More than any disk needs: 64 TiB. */
const largestDisk = 64 * 1024 ** 4

/** What a log says beside its bits. */
export interface CbtHeader {
  /** The log of the snapshot before, if there is one. */
  readonly parent: string | undefined
  /** The log of what came after. */
  readonly child: string | undefined
  /** `false` while a writer has it open, and after a crash of the machine in that time. */
  readonly consistent: boolean
  /** Virtual size in bytes. */
  readonly size: number
}

/** A log with its bits. */
export interface CbtContent extends CbtHeader {
  readonly bits: Uint8Array
}

/** Bytes of the bitmap of a disk. */
export function cbtBitmapLength(size: number): number {
  return Math.ceil(Math.ceil(size / cbtBlockSize) / 8)
}

/** Encodes a log. */
export function encodeCbtLog({ parent, child, consistent, size, bits }: CbtContent): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(headerLength + cbtBitmapLength(size))
  bytes.set(uuidBytes(parent ?? nilUuid), 0)
  bytes.set(uuidBytes(child ?? nilUuid), 16)
  const view = viewOf(bytes)
  view.setUint32(consistentAt, consistent ? 1 : 0, true)
  view.setBigUint64(sizeAt, BigInt(size), true)
  bytes.set(bits.subarray(0, bytes.length - headerLength), headerLength)
  return bytes
}

/** Decodes a log; `SR_BACKEND_FAILURE_459` when it is damaged. */
export function decodeCbtLog(bytes: Uint8Array): CbtContent {
  const size = bytes.length < headerLength ? -1 : Number(viewOf(bytes).getBigUint64(sizeAt, true))
  if (size < 0 || size > largestDisk) throw smError('CBTMetadataInconsistent', 'Damaged log')
  const bits = bytes.subarray(headerLength)
  if (bits.length < cbtBitmapLength(size)) throw smError('CBTMetadataInconsistent', 'Inconsistent bitmaps')
  const link = (at: number): string | undefined => {
    const uuid = uuidText(bytes.subarray(at, at + 16))
    return uuid === nilUuid ? undefined : uuid
  }
  const consistent = viewOf(bytes).getUint32(consistentAt, true) !== 0
  return {
    parent: link(0),
    child: link(16),
    consistent,
    size,
    bits: new Uint8Array(bits.subarray(0, cbtBitmapLength(size))),
  }
}

/** Sets the bits of all blocks that a range of the disk touches. Returns which bytes changed, if any. */
export function markChanged(
  bits: Uint8Array,
  offset: number,
  length: number,
): { from: number; to: number } | undefined {
  if (length === 0) return undefined
  let from = -1
  let to = -1
  const last = Math.floor((offset + length - 1) / cbtBlockSize)
  for (let block = Math.floor(offset / cbtBlockSize); block <= last; block++) {
    const at = block >> 3
    const before = bits[at] ?? 0
    const after = before | (1 << (block & 7))
    if (after === before) continue
    bits[at] = after
    if (from < 0) from = at
    to = at + 1
  }
  return from < 0 ? undefined : { from, to }
}

/** A log that follows the writes to a disk. */
export class LiveCbtLog implements AsyncDisposable {
  readonly #file: FileHandle
  readonly #bits: Uint8Array
  #unsynced = false

  private constructor(file: FileHandle, bits: Uint8Array) {
    this.#file = file
    this.#bits = bits
  }

  static async open(path: string): Promise<LiveCbtLog> {
    const file = await open(path, constants.O_RDWR)
    try {
      const { bits } = decodeCbtLog(await file.readFile())
      const log = new LiveCbtLog(file, bits)
      await log.#setConsistent(false)
      return log
    } catch (error) {
      await file.close()
      throw error
    }
  }

  /** Notes a change. To be awaited before the change is made, so that no crash hides one. */
  async mark(offset: number, length: number): Promise<void> {
    const changed = markChanged(this.#bits, offset, length)
    if (!changed) return
    this.#unsynced = true
    await this.#file.write(this.#bits.subarray(changed.from, changed.to), 0, undefined, headerLength + changed.from)
  }

  /** Makes what was noted durable; before the data is. */
  async flush(): Promise<void> {
    if (!this.#unsynced) return
    this.#unsynced = false
    await this.#file.datasync()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#setConsistent(true)
    } finally {
      await this.#file.close()
    }
  }

  async #setConsistent(consistent: boolean): Promise<void> {
    await this.#file.write(Uint8Array.of(consistent ? 1 : 0, 0, 0, 0), 0, 4, consistentAt)
    await this.#file.datasync()
  }
}
