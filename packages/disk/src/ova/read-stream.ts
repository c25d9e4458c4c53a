import type { ByteStream } from '@nixen/core'
import type { IoOptions } from '../disk-source.ts'
import { diskErrors } from '../errors.ts'
import type { DiskPart, DiskStream } from '../format.ts'
import { decompress } from '../tar/compression.ts'
import type { TarEntry } from '../tar/header.ts'
import { TarStream } from '../tar/tar-stream.ts'
import { decodeVmdk } from '../vmdk/stream-read.ts'
import { ovaErrors } from './errors.ts'
import { ManifestVerifier, maxManifest } from './manifest.ts'
import { maxOvf, parseOvf, type OvfDescriptor, type OvfDisk } from './ovf.ts'

/** One disk of an OVA that comes as a stream. Its parts come once, and only until the next disk is asked for. */
export interface OvaDisk extends DiskStream {
  /** Name of its file in the OVA. */
  readonly file: string
  readonly disk: OvfDisk
}

/** An OVA that comes as a stream. */
export interface OvaReader extends AsyncDisposable {
  readonly descriptor: OvfDescriptor
  /** The text of the descriptor. */
  readonly ovf: string
  /**
   * The disks in the order of the file. What is read is compared with the manifest (`ova.digest`), at the latest at the end if the manifest comes last.
   * What is not read of a disk is passed over unverified.
   */
  disks(): AsyncIterable<OvaDisk>
}

/**
 * Starts to read an OVA. The descriptor must come before the disks, as the standard has it (`disk.not_streamable` otherwise: open it as a file);
 * the order of everything else does not matter.
 */
export async function readOva(
  stream: ByteStream,
  { name: path = 'The OVA', signal }: IoOptions & { readonly name?: string | undefined } = {},
): Promise<OvaReader> {
  const tar = new TarStream(stream, path)
  const verifier = new ManifestVerifier(path)
  try {
    for (let entry = await tar.next(); entry; entry = await tar.next()) {
      if (entry.kind !== 'file') continue
      if (entry.name.toLowerCase().endsWith('.mf')) {
        verifier.setManifest(new TextDecoder().decode(await tar.read(maxManifest)))
      } else if (entry.name.toLowerCase().endsWith('.ovf')) {
        const bytes = await tar.read(maxOvf)
        const digest = verifier.start(entry.name)
        digest.update(bytes)
        digest.end()
        const ovf = new TextDecoder().decode(bytes)
        return new StreamReader(tar, { path, signal, verifier, ovf, descriptor: parseOvf(ovf, path) })
      } else if (!entry.name.toLowerCase().endsWith('.cert')) {
        throw diskErrors.not_streamable({ path, what: `its descriptor comes after ${entry.name}` })
      }
    }
    throw ovaErrors.descriptor({ path, problem: 'there is none' })
  } catch (error) {
    await tar[Symbol.asyncDispose]()
    throw error
  }
}

interface ReaderState extends IoOptions {
  readonly path: string
  readonly verifier: ManifestVerifier
  readonly ovf: string
  readonly descriptor: OvfDescriptor
}

class StreamReader implements OvaReader {
  readonly descriptor: OvfDescriptor
  readonly ovf: string
  readonly #tar: TarStream
  readonly #state: ReaderState
  #current: string | undefined

  constructor(tar: TarStream, state: ReaderState) {
    this.#tar = tar
    this.#state = state
    this.descriptor = state.descriptor
    this.ovf = state.ovf
  }

  async *disks(): AsyncGenerator<OvaDisk> {
    const { verifier } = this.#state
    for (let entry = await this.#tar.next(); entry; entry = await this.#tar.next()) {
      const { name } = entry
      if (entry.kind !== 'file') continue
      if (name.toLowerCase().endsWith('.mf')) {
        verifier.setManifest(new TextDecoder().decode(await this.#tar.read(maxManifest)))
        continue
      }
      const disk = this.descriptor.disks.find(({ file }) => file?.href === name)
      if (!disk) continue
      this.#current = name
      yield this.#disk(entry, disk)
      this.#current = undefined
    }
    await this.#tar.drain()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tar[Symbol.asyncDispose]()
  }

  #disk(entry: TarEntry, disk: OvfDisk): OvaDisk {
    return {
      file: entry.name,
      disk,
      size: disk.capacity,
      order: 'ascending',
      info: { format: 'ova', virtualSize: disk.capacity, details: { disk: disk.id, file: entry.name } },
      parts: (options) => this.#parts(entry, disk, options),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    }
  }

  async *#parts(
    entry: TarEntry,
    disk: OvfDisk,
    { signal = this.#state.signal }: IoOptions = {},
  ): AsyncGenerator<DiskPart> {
    const { path, verifier } = this.#state
    if (this.#current !== entry.name) {
      throw diskErrors.not_streamable({ path, what: `${entry.name} was passed over already` })
    }
    const digest = verifier.start(entry.name)
    const content = hashed(this.#tar.content(), digest)
    const { stream } = await decompress(unclosed(content), entry.name)
    await using image = await decodeVmdk(stream, { name: `${path}, ${entry.name},` })
    if (image.size !== disk.capacity) {
      throw diskErrors.size_mismatch({ what: entry.name, size: image.size, expected: disk.capacity })
    }
    yield* image.parts({ signal })
    // The digest is of the whole file, with what follows the data.
    for await (const _ of content);
    digest.end()
  }
}

async function* hashed(stream: ByteStream, digest: { update(bytes: Uint8Array): void }): AsyncGenerator<Uint8Array> {
  for await (const bytes of stream) {
    digest.update(bytes)
    yield bytes
  }
}

/** The same without a way to close it: the rest is still to be read when the disk is complete. */
function unclosed(stream: AsyncGenerator<Uint8Array>): ByteStream {
  return { [Symbol.asyncIterator]: () => ({ next: () => stream.next() }) }
}
