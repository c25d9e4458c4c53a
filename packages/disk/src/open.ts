import { realpath } from 'node:fs/promises'
import { dirname } from 'node:path'
import { isAppError } from '@nixen/core'
import type { Finding } from './check.ts'
import type { DiskSink } from './disk-sink.ts'
import { diskErrors } from './errors.ts'
import type { DiskFile, ImageFolder, NewFile } from './file.ts'
import type { CreateImageOptions, DiskFormat, DiskImage, ImageInfo, OpenImageOptions, ParentOpener } from './format.ts'
import { foreignKind } from './foreign.ts'
import { diskFormats, formatNamed } from './formats.ts'
import { createLocalFile, openLocalFile, type LocalFileOptions } from './local-file.ts'
import { localFolder } from './local-folder.ts'

export interface OpenDiskOptions extends LocalFileOptions, Omit<OpenImageOptions, 'folder'> {
  /** Name of a format; found out from the bytes of the file when left out. */
  readonly format?: string | undefined
  /** Where the other files of the image may be: this directory and those below it. The image's own when left out. */
  readonly directory?: string | undefined
}

/** Opens an image file, with the images that it builds on. */
export async function openDisk(path: string, options: OpenDiskOptions = {}): Promise<DiskImage> {
  const { file, format, imageOptions } = await prepare(path, options)
  return await openImage(file, format, imageOptions)
}

/** Opens an image that is already known; the file is closed when that fails. */
export async function openImage(
  file: DiskFile,
  format: DiskFormat,
  options: OpenImageOptions = {},
): Promise<DiskImage> {
  return await openInChain({ file, format, above: [] }, options)
}

/** More images than any program makes in one chain; each costs an open file. */
const deepestChain = 128

interface Link {
  readonly file: DiskFile
  readonly format: DiskFormat
  /** Identities of the images that build on this one. */
  readonly above: readonly string[]
}

async function openInChain({ file, format, above }: Link, options: OpenImageOptions): Promise<DiskImage> {
  const { folder } = options
  const chain = folder ? [...above, folder.identity(file)] : above
  const openParent: ParentOpener = async ({ references, from, format: name }) => {
    const parent = await findParent(references, { from, folder })
    try {
      const reference = parent.path
      if (folder && chain.includes(folder.identity(parent))) throw diskErrors.chain_loop({ path: from.path, reference })
      if (chain.length >= deepestChain) throw diskErrors.chain_too_deep({ path: from.path, limit: deepestChain })
      const parentFormat = name === undefined ? await probeFormat(parent) : requireFormat(parent.path, name)
      return await openInChain({ file: parent, format: parentFormat, above: chain }, options)
    } catch (error) {
      await parent[Symbol.asyncDispose]()
      throw error
    }
  }
  try {
    return await format.open(file, { ...options, openParent })
  } catch (error) {
    await file[Symbol.asyncDispose]()
    throw error
  }
}

/** The first of the names that leads to a file of the folder. */
async function findParent(
  references: readonly string[],
  { from, folder }: { from: DiskFile; folder: ImageFolder | undefined },
): Promise<DiskFile> {
  let failure: Error | undefined
  for (const reference of folder ? references : []) {
    try {
      if (folder) return await folder.open(reference, from)
    } catch (error) {
      // A name that leads out weighs more than one that leads nowhere.
      if (!isAppError(error)) throw error
      if (error.code !== 'disk.parent_missing') failure ??= error
    }
  }
  throw failure ?? diskErrors.parent_missing({ path: from.path, reference: references[0] ?? 'unnamed' })
}

/** What an image says about itself, and what it takes on its storage. */
export interface DiskInfo extends ImageInfo {
  readonly path: string
  /** Bytes of the file. */
  readonly fileSize: number
  /** Bytes that the file takes; less than its size when it has holes. */
  readonly allocated?: number | undefined
}

/** Reads what an image file says about itself. */
export async function diskInfo(path: string, options: OpenDiskOptions = {}): Promise<DiskInfo> {
  const { file, format, imageOptions } = await prepare(path, options)
  const [fileSize, allocated] = [await file.size(), await file.allocated()]
  await using image = await openImage(file, format, imageOptions)
  return { path, fileSize, allocated, ...image.info }
}

/** Looks for damage of an image file. A format without structure has none to find. */
export async function* checkDisk(path: string, options: OpenDiskOptions = {}): AsyncGenerator<Finding> {
  const { file, format, imageOptions } = await prepare(path, options)
  await using _file = file
  if (format.check) yield* format.check(file, imageOptions)
}

export interface CreateDiskOptions extends LocalFileOptions, CreateImageOptions {
  /** Name of a format; found out from the ending of the file's name when left out. */
  readonly format?: string | undefined
  /** Whether a file of that name may be replaced; it is until the new one is complete. */
  readonly replace?: boolean | undefined
}

/** Starts an image file. It has its name, and is durable, when `finish` has resolved; disposing before that removes it. */
export async function createDisk(path: string, options: CreateDiskOptions): Promise<DiskSink> {
  const format = writableFormat(path, options.format)
  const file = await createLocalFile(path, options)
  try {
    return new CommittingSink(await format.create(file, options), file)
  } catch (error) {
    await file[Symbol.asyncDispose]()
    throw error
  }
}

/** The size that a new disk needs to hold `size` bytes: whole sectors of 512 bytes. */
export function diskSizeFor(size: number): number {
  return Math.ceil(size / 512) * 512
}

/** The format that a file's name suggests by its ending. */
export function formatForPath(path: string): DiskFormat | undefined {
  const ending = /\.([^./\\]+)$/.exec(path)?.[1]?.toLowerCase()
  return diskFormats.find(({ extensions }) => ending !== undefined && extensions.includes(ending))
}

/** The format of a file from its bytes; `disk.foreign_format` when it is a known one that is not read, `disk.unknown_format` when nothing fits. */
export async function probeFormat(file: DiskFile): Promise<DiskFormat> {
  const size = await file.size()
  const head = new Uint8Array(Math.min(size, 65_536))
  await file.read(0, head)
  const tail = new Uint8Array(Math.min(size, 512))
  await file.read(size - tail.length, tail)
  const found = diskFormats.find((format) => format.probe({ path: file.path, head, tail, size }))
  if (!found) throw diskErrors.unknown_format({ path: file.path, known: diskFormats.map(({ name }) => name) })
  const foreign = found.name === 'raw' ? foreignKind(head) : undefined
  if (foreign !== undefined) throw diskErrors.foreign_format({ path: file.path, kind: foreign })
  return found
}

interface Prepared {
  readonly file: DiskFile
  readonly format: DiskFormat
  readonly imageOptions: OpenImageOptions
}

async function prepare(path: string, options: OpenDiskOptions): Promise<Prepared> {
  const named = options.format === undefined ? undefined : requireFormat(path, options.format)
  const real = await realpath(path).catch((cause: unknown) => {
    throw diskErrors.not_found({ path }, { cause })
  })
  const folder = await localFolder(options.directory ?? dirname(real), options)
  const file = await openLocalFile(real, options)
  try {
    const format = named ?? (await probeFormat(file))
    const { alone, disk, signal } = options
    return { file, format, imageOptions: { folder, alone, disk, signal } }
  } catch (error) {
    await file[Symbol.asyncDispose]()
    throw error
  }
}

function requireFormat(path: string, name: string): DiskFormat {
  const format = formatNamed(name)
  if (!format) throw diskErrors.unknown_format({ path, format: name, known: diskFormats.map((known) => known.name) })
  return format
}

function writableFormat(
  path: string,
  name: string | undefined,
): DiskFormat & { readonly create: NonNullable<DiskFormat['create']> } {
  const writable = diskFormats.filter((format) => format.create)
  const format = name === undefined ? formatForPath(path) : requireFormat(path, name)
  if (!format) throw diskErrors.unknown_format({ path, known: writable.map((known) => known.name) })
  const { create } = format
  if (!create) throw diskErrors.not_possible({ format: format.name, operation: 'be written as a file' })
  return { ...format, create }
}

/** Makes the file durable and gives it its name when the format is done with it. */
class CommittingSink implements DiskSink {
  readonly size: number
  readonly order: 'any' | 'ascending'
  readonly granularity: number | undefined
  readonly #sink: DiskSink
  readonly #file: NewFile
  readonly write: DiskSink['write']
  readonly zero: DiskSink['zero']

  constructor(sink: DiskSink, file: NewFile) {
    this.#sink = sink
    this.#file = file
    this.size = sink.size
    this.order = sink.order
    this.granularity = sink.granularity
    this.write = (offset, bytes, options) => sink.write(offset, bytes, options)
    this.zero = (offset, length, options) => sink.zero(offset, length, options)
  }

  async finish(options?: { signal?: AbortSignal | undefined }): Promise<void> {
    await this.#sink.finish(options)
    await this.#file.commit()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sink[Symbol.asyncDispose]()
    await this.#file[Symbol.asyncDispose]()
  }
}
