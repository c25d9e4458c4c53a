import { crc32, createDeflateRaw, constants } from 'node:zlib'
import type { ArchiveEntry } from './entries.ts'

// PKWARE's APPNOTE 6.3.10. Names are UTF-8 (bit 11), lengths follow the content (bit 3).
const flags = 0x0808
const madeByUnix = (3 << 8) | 45
const deflated = 8
const stored = 0
const wide = 0xffff_ffff
const types = { file: 0o100_000, directory: 0o040_000, link: 0o120_000 } as const

interface Written {
  readonly head: Buffer
  readonly name: Buffer
  readonly extra: Buffer
}

/** Entries as a zip file, as it is made: with times, Unix modes, owners and links; of any length (zip64). */
export async function* zipArchive(entries: AsyncIterable<ArchiveEntry>): AsyncGenerator<Uint8Array> {
  const directory: Written[] = []
  let at = 0
  for await (const entry of entries) {
    const zip = new ZipEntry(entry, at)
    for await (const part of zip.bytes()) {
      at += part.length
      yield part
    }
    directory.push(zip.central())
  }
  const start = at
  for (const { head, name, extra } of directory) {
    const part = Buffer.concat([head, name, extra])
    at += part.length
    yield part
  }
  yield endOf({ count: directory.length, start, size: at - start })
}

class ZipEntry {
  readonly #entry: ArchiveEntry
  readonly #at: number
  readonly #name: Buffer
  readonly #method: number
  /** Whether lengths may need 64 bits; deflated bytes can be more than plain ones by a little. */
  readonly #isWide: boolean
  #checksum = 0
  #plain = 0
  #packed = 0

  constructor(entry: ArchiveEntry, at: number) {
    this.#entry = entry
    this.#at = at
    this.#name = Buffer.from(entry.kind === 'directory' ? `${entry.name}/` : entry.name).subarray(0, 65_535)
    this.#method = entry.kind === 'file' && entry.size > 0 ? deflated : stored
    this.#isWide = entry.size > wide - 64 * 1024 * 1024
  }

  async *bytes(): AsyncGenerator<Uint8Array> {
    const head = Buffer.alloc(30)
    head.writeUInt32LE(0x0403_4b50, 0)
    head.writeUInt16LE(this.#isWide ? 45 : 20, 4)
    this.#common(head, 6)
    const extra = this.#extras({ local: true })
    head.writeUInt16LE(this.#name.length, 26)
    head.writeUInt16LE(extra.length, 28)
    yield Buffer.concat([head, this.#name, extra])
    const plain = this.#counted()
    for await (const part of this.#method === deflated ? deflate(plain) : plain) {
      this.#packed += part.length
      yield part
    }
    yield this.#descriptor()
  }

  central(): Written {
    const { mode, kind } = this.#entry
    const head = Buffer.alloc(46)
    head.writeUInt32LE(0x0201_4b50, 0)
    head.writeUInt16LE(madeByUnix, 4)
    head.writeUInt16LE(45, 6)
    this.#common(head, 8)
    head.writeUInt32LE(this.#checksum, 16)
    head.writeUInt32LE(Math.min(this.#packed, wide), 20)
    head.writeUInt32LE(Math.min(this.#plain, wide), 24)
    head.writeUInt16LE(this.#name.length, 28)
    const extra = this.#extras({ local: false })
    head.writeUInt16LE(extra.length, 30)
    // The upper half is a Unix mode, the lowest bits are of DOS.
    head.writeUInt32LE((((types[kind] | mode) << 16) | (kind === 'directory' ? 0x10 : 0)) >>> 0, 38)
    head.writeUInt32LE(Math.min(this.#at, wide), 42)
    return { head, name: this.#name, extra }
  }

  #common(head: Buffer, at: number): void {
    const [time, date] = dosTime(this.#entry.modified)
    head.writeUInt16LE(flags, at)
    head.writeUInt16LE(this.#method, at + 2)
    head.writeUInt16LE(time, at + 4)
    head.writeUInt16LE(date, at + 6)
  }

  async *#counted(): AsyncGenerator<Uint8Array> {
    const { kind, target = '', content } = this.#entry
    const parts = kind === 'link' ? [Buffer.from(target)] : content
    for await (const part of parts) {
      this.#checksum = crc32(part, this.#checksum)
      this.#plain += part.length
      yield part
    }
  }

  #descriptor(): Buffer {
    const bytes = Buffer.alloc(this.#isWide ? 24 : 16)
    bytes.writeUInt32LE(0x0807_4b50, 0)
    bytes.writeUInt32LE(this.#checksum, 4)
    if (this.#isWide) {
      bytes.writeBigUInt64LE(BigInt(this.#packed), 8)
      bytes.writeBigUInt64LE(BigInt(this.#plain), 16)
    } else {
      bytes.writeUInt32LE(this.#packed, 8)
      bytes.writeUInt32LE(this.#plain, 12)
    }
    return bytes
  }

  /** Extended timestamp, owner, and lengths of 64 bits. */
  #extras({ local }: { local: boolean }): Buffer {
    const { modified, uid, gid } = this.#entry
    const seconds = Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, Math.floor(modified / 1000)))
    const time = Buffer.alloc(9)
    time.writeUInt16LE(0x5455, 0)
    time.writeUInt16LE(5, 2)
    time.writeUInt8(1, 4)
    time.writeInt32LE(seconds, 5)
    const owner = Buffer.alloc(15)
    owner.writeUInt16LE(0x7875, 0)
    owner.writeUInt16LE(11, 2)
    owner.writeUInt8(1, 4)
    owner.writeUInt8(4, 5)
    owner.writeUInt32LE(uid >>> 0, 6)
    owner.writeUInt8(4, 10)
    owner.writeUInt32LE(gid >>> 0, 11)
    return Buffer.concat([time, owner, this.#wideExtra(local)])
  }

  #wideExtra(local: boolean): Buffer {
    // In the first header both lengths stand, unknown yet; in the directory only what has no room.
    const numbers = local
      ? this.#isWide
        ? [0, 0]
        : []
      : [this.#plain, this.#packed, this.#at].filter((value) => value >= wide)
    if (numbers.length === 0) return Buffer.alloc(0)
    const extra = Buffer.alloc(4 + numbers.length * 8)
    extra.writeUInt16LE(1, 0)
    extra.writeUInt16LE(numbers.length * 8, 2)
    for (const [index, value] of numbers.entries()) extra.writeBigUInt64LE(BigInt(value), 4 + index * 8)
    return extra
  }
}

async function* deflate(parts: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const stream = createDeflateRaw({ level: constants.Z_BEST_SPEED, chunkSize: 256 * 1024 })
  const feed = (async () => {
    for await (const part of parts) {
      // A copy: parts may be views of memory that is used again.
      if (!stream.write(part))
        await new Promise<void>((resolve) => void stream.once('drain', () => resolve()).once('close', () => resolve()))
      if (stream.destroyed) return
    }
    stream.end()
  })()
  feed.catch((error: unknown) => stream.destroy(error instanceof Error ? error : undefined))
  try {
    // Without an encoding a zlib stream gives buffers.
    yield* stream as AsyncIterable<Uint8Array>
    await feed
  } finally {
    stream.destroy()
  }
}

function endOf({ count, start, size }: { count: number; start: number; size: number }): Buffer {
  const parts: Buffer[] = []
  if (count >= 0xffff || start >= wide || size >= wide) {
    const end = Buffer.alloc(76)
    end.writeUInt32LE(0x0606_4b50, 0)
    end.writeBigUInt64LE(44n, 4)
    end.writeUInt16LE(madeByUnix, 12)
    end.writeUInt16LE(45, 14)
    end.writeBigUInt64LE(BigInt(count), 24)
    end.writeBigUInt64LE(BigInt(count), 32)
    end.writeBigUInt64LE(BigInt(size), 40)
    end.writeBigUInt64LE(BigInt(start), 48)
    end.writeUInt32LE(0x0706_4b50, 56)
    end.writeBigUInt64LE(BigInt(start + size), 64)
    end.writeUInt32LE(1, 72)
    parts.push(end)
  }
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x0605_4b50, 0)
  end.writeUInt16LE(Math.min(count, 0xffff), 8)
  end.writeUInt16LE(Math.min(count, 0xffff), 10)
  end.writeUInt32LE(Math.min(size, wide), 12)
  end.writeUInt32LE(Math.min(start, wide), 16)
  return Buffer.concat([...parts, end])
}

/** Time and date of DOS: two seconds, from 1980 on. The exact time is in the extra field. */
function dosTime(epoch: number): [number, number] {
  const when = new Date(epoch)
  const year = when.getUTCFullYear()
  if (!(year >= 1980 && year <= 2107)) return [0, 0x21]
  const time = (when.getUTCHours() << 11) | (when.getUTCMinutes() << 5) | (when.getUTCSeconds() >> 1)
  return [time, ((year - 1980) << 9) | ((when.getUTCMonth() + 1) << 5) | when.getUTCDate()]
}
