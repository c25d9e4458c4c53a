import { diskErrors } from './errors.ts'
import { checkWithin, type DiskFile, type ImageFolder, type NewFile } from './file.ts'

/** Pages of this size are allocated as they are written, so that a sparse file of any size takes little memory. */
const pageSize = 65_536

/** A sparse file in memory, for tests, fuzzing and small images. */
export class MemoryFile implements NewFile {
  readonly path: string
  readonly #pages = new Map<number, Uint8Array>()
  #size = 0
  /** Whether `commit` was called. */
  committed = false

  constructor(path = 'memory', content?: Uint8Array) {
    this.path = path
    if (content) this.#put(0, content)
  }

  /** The whole content, for tests. */
  bytes(): Uint8Array<ArrayBuffer> {
    const whole = new Uint8Array(this.#size)
    this.#get(0, whole)
    return whole
  }

  size(): Promise<number> {
    return Promise.resolve(this.#size)
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    checkWithin(this.path, this.#size, { offset, length: into.length })
    this.#get(offset, into)
  }

  async write(offset: number, ...parts: readonly Uint8Array[]): Promise<void> {
    let position = offset
    for (const part of parts) {
      this.#put(position, part)
      position += part.length
    }
  }

  async truncate(size: number): Promise<void> {
    const last = Math.floor(size / pageSize)
    for (const number of this.#pages.keys()) if (number > last) this.#pages.delete(number)
    this.#pages.get(last)?.fill(0, size % pageSize)
    this.#size = size
  }

  sync(): Promise<void> {
    return Promise.resolve()
  }

  allocated(): Promise<number> {
    return Promise.resolve(this.#pages.size * pageSize)
  }

  async nextData(offset: number, limit: number): Promise<{ offset: number; length: number } | undefined> {
    let position = offset
    // A scan of the map, not of the page numbers, finds the next page of a huge and empty file at once.
    if (!this.#pages.has(Math.floor(position / pageSize))) {
      let next = Infinity
      for (const number of this.#pages.keys()) if (number * pageSize > position && number < next) next = number
      position = next * pageSize
    }
    if (position >= this.#size) return undefined
    let end = position
    while (end < this.#size && end - position < limit && this.#pages.has(Math.floor(end / pageSize))) {
      end = (Math.floor(end / pageSize) + 1) * pageSize
    }
    return { offset: position, length: Math.min(end, this.#size, position + limit) - position }
  }

  async commit(): Promise<void> {
    this.committed = true
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Nothing to close: the content stays readable for whoever holds the file.
  }

  #put(offset: number, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length;) {
      const number = Math.floor((offset + done) / pageSize)
      const start = (offset + done) % pageSize
      let page = this.#pages.get(number)
      if (!page) this.#pages.set(number, (page = new Uint8Array(pageSize)))
      const piece = bytes.subarray(done, done + pageSize - start)
      page.set(piece, start)
      done += piece.length
    }
    this.#size = Math.max(this.#size, offset + bytes.length)
  }

  #get(offset: number, into: Uint8Array): void {
    for (let done = 0; done < into.length;) {
      const start = (offset + done) % pageSize
      const length = Math.min(pageSize - start, into.length - done)
      const page = this.#pages.get(Math.floor((offset + done) / pageSize))
      if (page) into.set(page.subarray(start, start + length), done)
      else into.fill(0, done, done + length)
      done += length
    }
  }
}

/** A folder of files in memory. References are looked up by their last part. */
export class MemoryFolder implements ImageFolder {
  readonly files = new Map<string, MemoryFile>()

  /** Adds a file and gives it back. */
  add(name: string, content?: Uint8Array): MemoryFile {
    const file = new MemoryFile(name, content)
    this.files.set(name, file)
    return file
  }

  async open(reference: string, from: DiskFile): Promise<DiskFile> {
    if (reference.startsWith('/') || reference.split(/[/\\]/).includes('..')) {
      throw diskErrors.outside_directory({ path: from.path, reference })
    }
    const file = this.files.get(reference.replace(/^(?:\.[/\\])+/, ''))
    if (!file) throw diskErrors.parent_missing({ path: from.path, reference })
    return file
  }

  identity(file: DiskFile): string {
    return file.path
  }
}
