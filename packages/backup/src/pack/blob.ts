/** restic's two kinds of blobs: pieces of files, and lists of files. */
export type BlobType = 'data' | 'tree'

/** One blob inside a pack. Lengths and offset in bytes. */
export interface PackedBlob {
  readonly type: BlobType
  /** SHA-256 of the plain content, hexadecimal. */
  readonly id: string
  readonly offset: number
  /** Length of the sealed (and maybe compressed) bytes. */
  readonly length: number
  /** Length of the plain content when it is stored compressed. */
  readonly uncompressedLength?: number | undefined
}

/** A pack with all its blobs, as an index names it. */
export interface PackEntry {
  /** SHA-256 of the pack file, which is its name. */
  readonly id: string
  readonly blobs: readonly PackedBlob[]
}

/** Where a blob is. */
export interface BlobLocation extends PackedBlob {
  readonly pack: string
}
