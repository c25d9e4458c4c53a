import type { ByteStream } from '@nixen/core'
import type { IoOptions } from '../disk-source.ts'
import { diskErrors } from '../errors.ts'
import type { DiskPart, DiskStream } from '../format.ts'
import { decompress, type StreamCompression } from '../tar/compression.ts'
import type { TarEntry } from '../tar/header.ts'
import { TarStream } from '../tar/tar-stream.ts'
import { checksumFunction, type ChecksumOf, type XvaChecksum } from './checksum.ts'
import { ChunkPlacer, maxXvaChunk, parseChunkName, xvaChunkSize, type XvaChunkName } from './chunk-name.ts'
import { xvaErrors } from './errors.ts'
import { disksOfOvaXml, maxOvaXml, type XvaDiskInfo } from './ova-xml.ts'

export interface ReadXvaOptions extends IoOptions {
  /** What messages call the stream. */
  readonly name?: string | undefined
  /** Takes wrong checksums as they are, to save what can be saved. */
  readonly ignoreChecksums?: boolean | undefined
}

/** One disk of an XVA that comes as a stream. Its parts come once, and only until the next disk is asked for. */
export interface XvaDisk extends DiskStream {
  readonly ref: string
  readonly disk: XvaDiskInfo
}

/** An XVA that comes as a stream. */
export interface XvaReader extends AsyncDisposable {
  /** The text of ova.xml: an XML-RPC value that describes the VM. */
  readonly ovaXml: string
  readonly compression: StreamCompression
  /** All VDIs that ova.xml describes; some may have no data in the file. */
  readonly described: readonly XvaDiskInfo[]
  /** The disks in the order of the file. What is not read of one is passed over unverified. Ends when the whole stream was read. */
  disks(): AsyncIterable<XvaDisk>
}

/** Starts to read an XVA, compressed or not; memory is constant whatever its size. */
export async function readXva(stream: ByteStream, options: ReadXvaOptions = {}): Promise<XvaReader> {
  const path = options.name ?? 'The XVA'
  const plain = await decompress(stream, path)
  const tar = new TarStream(plain.stream, path)
  try {
    const first = await tar.next()
    if (first?.name !== 'ova.xml') throw xvaErrors.not_first({ path, found: first?.name ?? 'nothing' })
    const ovaXml = new TextDecoder().decode(await tar.read(maxOvaXml))
    const described = disksOfOvaXml(ovaXml, path)
    const hashes = { xxhash: await checksumFunction('xxhash'), sha1: await checksumFunction('sha1') }
    return new StreamReader(tar, { ...options, path, ovaXml, described, hashes, compression: plain.compression })
  } catch (error) {
    await tar[Symbol.asyncDispose]()
    throw error
  }
}

interface ReaderState extends ReadXvaOptions {
  readonly path: string
  readonly ovaXml: string
  readonly described: readonly XvaDiskInfo[]
  readonly compression: StreamCompression
  readonly hashes: Readonly<Record<XvaChecksum, ChecksumOf>>
}

interface NextChunk {
  readonly entry: TarEntry
  readonly name: XvaChunkName
}

class StreamReader implements XvaReader {
  readonly ovaXml: string
  readonly compression: StreamCompression
  readonly described: readonly XvaDiskInfo[]
  readonly #tar: TarStream
  readonly #state: ReaderState
  /** The chunk whose content comes next; it was looked at but not taken. */
  #next: NextChunk | undefined
  #current: string | undefined
  readonly #seen = new Set<string>()
  #buffer: Uint8Array = new Uint8Array(xvaChunkSize)

  constructor(tar: TarStream, state: ReaderState) {
    this.#tar = tar
    this.#state = state
    this.ovaXml = state.ovaXml
    this.compression = state.compression
    this.described = state.described
  }

  async *disks(): AsyncGenerator<XvaDisk> {
    await this.#advance()
    while (this.#next) {
      const { ref } = this.#next.name
      if (ref === this.#current) {
        await this.#advance()
        continue
      }
      this.#current = ref
      yield this.#disk(ref)
    }
    this.#current = undefined
    await this.#tar.drain()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tar[Symbol.asyncDispose]()
  }

  #disk(ref: string): XvaDisk {
    const { path, described } = this.#state
    const disk = described.find((known) => known.ref === ref)
    if (!disk) throw xvaErrors.unexpected({ path, found: ref, expected: 'a disk that ova.xml describes' })
    if (this.#seen.has(ref)) throw xvaErrors.unexpected({ path, found: `${ref} again`, expected: 'another disk' })
    this.#seen.add(ref)
    return {
      ref,
      disk,
      size: disk.size,
      order: 'ascending',
      info: { format: 'xva', virtualSize: disk.size, details: { ref, uuid: disk.uuid, name: disk.name } },
      parts: (options) => this.#parts(disk, options),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    }
  }

  async *#parts(disk: XvaDiskInfo, { signal = this.#state.signal }: IoOptions = {}): AsyncGenerator<DiskPart> {
    const { path } = this.#state
    if (this.#current !== disk.ref) throw xvaErrors.passed({ path, disk: disk.ref })
    const placer = new ChunkPlacer()
    while (this.#next?.name.ref === disk.ref) {
      signal?.throwIfAborted()
      const { entry, name } = this.#next
      if (name.checksum) throw xvaErrors.unexpected({ path, found: entry.name, expected: 'a chunk' })
      const offset = placer.place(name.number, entry.size)
      if (typeof offset === 'string') throw diskErrors.corrupt({ path, what: `${disk.ref}: ${offset}` })
      if (placer.end > disk.size) {
        throw diskErrors.corrupt({ path, what: `${entry.name} is beyond the ${disk.size} bytes of its disk` })
      }
      const bytes = await this.#take(entry, offset)
      if (bytes.length > 0) yield { offset, bytes }
    }
    if (placer.end < disk.size) {
      throw diskErrors.truncated({ path: `${path}, disk ${disk.ref},`, expected: disk.size, received: placer.end })
    }
  }

  /** Takes a chunk and compares it with the checksum that follows it, if there is one. */
  async #take(entry: TarEntry, offset: number): Promise<Uint8Array> {
    const { path, hashes, ignoreChecksums } = this.#state
    if (entry.size > maxXvaChunk) {
      throw diskErrors.too_large({ path, what: entry.name, size: entry.size, limit: maxXvaChunk })
    }
    if (this.#buffer.length < entry.size) this.#buffer = new Uint8Array(entry.size)
    const bytes = this.#buffer.subarray(0, entry.size)
    await this.#tar.readInto(bytes)
    const next = await this.#advance()
    if (!next?.name.checksum || !next.entry.name.startsWith(entry.name)) return bytes
    const expected = new TextDecoder('latin1').decode(await this.#tar.read(1024)).trim()
    const actual = hashes[next.name.checksum](bytes)
    if (actual.toLowerCase() !== expected.toLowerCase() && !ignoreChecksums) {
      throw xvaErrors.checksum({ path, chunk: entry.name, offset, expected, actual })
    }
    await this.#advance()
    return bytes
  }

  async #advance(): Promise<NextChunk | undefined> {
    const { path } = this.#state
    for (;;) {
      const entry = await this.#tar.next()
      if (entry?.kind === 'directory') continue
      const name = entry && parseChunkName(entry.name)
      if (entry && !name) throw xvaErrors.unexpected({ path, found: entry.name, expected: 'a chunk of a disk' })
      this.#next = entry && name && { entry, name }
      return this.#next
    }
  }
}
