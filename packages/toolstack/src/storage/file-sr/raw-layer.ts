import { openLocalFileForWriting, type DiskFile } from '@nixen/disk'
import { blockSize, type Layer, type SectorMap } from './layer.ts'

/** Opens a raw image: it holds every sector, and zeros are holes of the file. */
export async function openRawLayer(path: string): Promise<Layer> {
  const file = await openLocalFileForWriting(path, { direct: false })
  return new RawLayer(file, await file.size())
}

class RawLayer implements Layer {
  readonly #file: DiskFile
  size: number
  readonly uuid = ''
  readonly granule = 512
  readonly parent = undefined

  constructor(file: DiskFile, size: number) {
    this.#file = file
    this.size = size
  }

  has(): boolean {
    return true
  }

  *presentBlocks(): Iterable<number> {
    for (let block = 0; block * blockSize < this.size; block++) yield block
  }

  /** Blocks that are holes count as absent, which reads the same. */
  async map(block: number): Promise<SectorMap | undefined> {
    const offset = block * blockSize
    const data = await this.#file.nextData(offset, blockSize)
    return data && data.offset < offset + blockSize ? 'all' : undefined
  }

  async read(block: number, start: number, into: Uint8Array): Promise<void> {
    await this.#file.read(block * blockSize + start, into)
  }

  async write(block: number, start: number, bytes: Uint8Array): Promise<void> {
    await this.#file.write(block * blockSize + start, bytes)
  }

  /** Raw images have no header and are never shared. */
  async setHidden(): Promise<void> {}
  async setParent(): Promise<void> {}

  async grow(size: number): Promise<void> {
    await this.#file.truncate(size)
    await this.#file.sync()
    this.size = size
  }

  async sync(): Promise<void> {
    await this.#file.sync()
  }

  async allocated(): Promise<number> {
    return (await this.#file.allocated()) ?? this.size
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file[Symbol.asyncDispose]()
  }
}
