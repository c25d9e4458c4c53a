import type { ByteStream } from '@nixen/core'
import type { Finding } from './check.ts'
import type { DiskSink } from './disk-sink.ts'
import type { ChangeToken, DiskSource, IoOptions } from './disk-source.ts'
import type { DiskFile, ImageFolder } from './file.ts'

/** What an image says about itself, for people and programs. */
export interface ImageInfo {
  /** Name of the format in the registry. */
  readonly format: string
  /** Size of the disk that a guest sees, in bytes. */
  readonly virtualSize: number
  /** Other facts of the format, such as `subformat`, `clusterSize`, `version`, `uuid`. */
  readonly details: Readonly<Record<string, string | number | boolean>>
  /** The image that this one builds on. */
  readonly parent?: { readonly path: string; readonly info?: ImageInfo | undefined } | undefined
}

/** An opened image. Disposing closes its files. */
export interface DiskImage extends DiskSource {
  readonly info: ImageInfo
}

/** The first and the last bytes of a file, to recognize its format by. */
export interface ProbeInput {
  readonly path: string
  /** Up to 64 KiB from the start. */
  readonly head: Uint8Array
  /** Up to 512 bytes from the end. */
  readonly tail: Uint8Array
  /** Bytes of the file. */
  readonly size: number
}

/** Opens the image that another one builds on, within the folder, and watches for loops and chains that are too long. */
export type ParentOpener = (request: ParentRequest) => Promise<DiskImage>

export interface ParentRequest {
  /** Names of the parent as the image holds them, the best first. */
  readonly references: readonly string[]
  /** The image that holds them. */
  readonly from: DiskFile
  /** Name of the parent's format, where the image tells; otherwise it is found out. */
  readonly format?: string | undefined
}

export interface OpenImageOptions extends IoOptions {
  /** Opens parents. `openImage` makes it from `folder`; a format calls it. */
  readonly openParent?: ParentOpener | undefined
  /** Where other files of the image come from. Without it an image that needs one is an error (`disk.parent_missing`). */
  readonly folder?: ImageFolder | undefined
  /** Opens only this image of a chain: what it does not hold reads as zeros, and its parents are not looked for. */
  readonly alone?: boolean | undefined
  /** Which disk, where a file holds several (XVA, OVA); the first when left out. */
  readonly disk?: string | undefined
}

export interface CreateImageOptions extends IoOptions {
  /** Virtual size in bytes. */
  readonly size: number
  /** Choices of the format, such as `subformat`, `clusterSize`, `compression`. Unknown ones are errors. */
  readonly settings?: Readonly<Record<string, string | number | boolean>> | undefined
}

/** A disk that comes once, from front to back, as it is received. What no part covers is zeros. */
export interface DiskStream extends AsyncDisposable {
  readonly info: ImageInfo
  /** Virtual size in bytes. */
  readonly size: number
  /** Whether the parts come in ascending order. */
  readonly order: 'any' | 'ascending'
  /** Where the parts will lie, ascending, where the stream tells at its start; zeros elsewhere. Parts need not fill them. */
  readonly ranges?: readonly { readonly offset: number; readonly length: number }[] | undefined
  /** Parts of the disk without overlap. `bytes` are valid until the next part is asked for. */
  parts(options?: IoOptions): AsyncIterable<DiskPart>
}

/** Bytes of a disk. */
export interface DiskPart {
  readonly offset: number
  readonly bytes: Uint8Array
}

/** An image written without seeking. */
export interface EncodedStream {
  /** Exact length in bytes, where it is known before (for `Content-Length`). */
  readonly length?: number | undefined
  /** Each part has memory of its own, which is never used again. */
  readonly bytes: ByteStream
}

/** What {@link DiskFormat.encode} takes beside the source. */
export interface EncodeOptions extends IoOptions {
  /** Writes only what changed since then, as an image that builds on another one, where the format can. */
  readonly since?: ChangeToken | undefined
  /** Reads all data once before, to leave out zeros that the source does not tell of. */
  readonly scan?: boolean | undefined
  readonly settings?: Readonly<Record<string, string | number | boolean>> | undefined
}

/** What {@link DiskFormat.decode} takes beside the stream. */
export interface DecodeOptions extends IoOptions {
  /** What messages call the stream. */
  readonly name?: string | undefined
}

/**
 * One disk image format. The parts that a format lacks are left out. A format reads and writes a {@link DiskFile} and does not care how
 * it becomes durable or gets its name.
 */
export interface DiskFormat {
  /** As users write it: `raw`, `vhd`, `qcow2`. */
  readonly name: string
  /** One line for a list of formats. */
  readonly title: string
  /** File name endings without the dot. */
  readonly extensions: readonly string[]
  /** Whether the bytes are of this format. */
  readonly probe: (input: ProbeInput) => boolean
  /** Opens the image; the file belongs to it from then on, and is closed when opening fails. */
  readonly open: (file: DiskFile, options?: OpenImageOptions) => Promise<DiskImage>
  /** A sink that makes an image in `file`, which is empty. Its `finish` writes everything but leaves durability to the caller. */
  readonly create?: ((file: DiskFile, options: CreateImageOptions) => Promise<DiskSink>) | undefined
  /** Looks for damage. */
  readonly check?: ((file: DiskFile, options?: OpenImageOptions) => AsyncIterable<Finding>) | undefined
  /** Reads the format without seeking. */
  readonly decode?: ((stream: ByteStream, options?: DecodeOptions) => Promise<DiskStream>) | undefined
  /** Writes the format without seeking. May read the source twice: first to find out what is zero. */
  readonly encode?: ((source: DiskSource, options?: EncodeOptions) => Promise<EncodedStream>) | undefined
}
