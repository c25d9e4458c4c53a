/** What an entry is. `damaged`: its name is there, and what it names cannot be read. */
export type FileKind = 'file' | 'directory' | 'link' | 'other' | 'damaged'

/** A file, directory or link, without its name. Times are epoch milliseconds. */
export interface FileNode {
  /** The file system's own number: inode, MFT record, place of a directory entry. */
  readonly id: number
  readonly kind: FileKind
  /** Bytes of the content; of a link, of its target. */
  readonly size: number
  /** Permission bits (12 of them); absent where the file system has none. */
  readonly mode?: number | undefined
  readonly uid?: number | undefined
  readonly gid?: number | undefined
  readonly modified?: number | undefined
  readonly accessed?: number | undefined
  readonly created?: number | undefined
  /** Why it cannot be read. */
  readonly problem?: string | undefined
}

/** A name in a directory. */
export interface NamedNode {
  /** UTF-8; bytes that are none are written `\xHH`. */
  readonly name: string
  readonly id: number
  /** What the directory itself says about it, where that saves a read. */
  readonly node?: FileNode | undefined
}

/** A file system that is read, never written, without the help of a kernel. Everything it is told by the disk may be a lie. */
export interface FileSystemReader {
  readonly kind: 'ext' | 'xfs' | 'ntfs' | 'fat'
  /** With its version: `ext4`, `FAT32`. */
  readonly name: string
  readonly label: string
  readonly uuid: string
  /** Bytes. */
  readonly size: number
  readonly free?: number | undefined
  /** What a reader should know: a journal that was not replayed. */
  readonly warnings: readonly string[]
  /** Names are found whatever their case (NTFS, FAT). */
  readonly ignoresCase: boolean
  readonly root: number
  /** What a number stands for. @throws file.damaged, file.unsupported */
  node(id: number): Promise<FileNode>
  /** Names in a directory, in its own order, without `.` and `..`. @throws file.damaged */
  names(directory: FileNode): AsyncIterable<NamedNode>
  /** The content, in parts of at most 1 MiB; as many bytes as `size` says. @throws file.damaged, file.unsupported */
  content(file: FileNode): AsyncIterable<Uint8Array>
  /** What a link points to. */
  target(link: FileNode): Promise<string>
}

/** Bytes that a number of bounds may be multiplied with; every reader stops there instead of following a lie. */
export const bounds = {
  /** Names in one directory. */
  names: 5_000_000,
  /** Extents of one file. */
  extents: 4_000_000,
  /** Depth of a tree of blocks. */
  treeDepth: 8,
  /** Directories inside of each other. */
  depth: 1024,
} as const

/** Bytes of content that are read and given at a time. */
export const pieceSize: number = 1024 * 1024

const strict = new TextDecoder('utf-8', { fatal: true })

/** A name as text: UTF-8, and what is none byte by byte. A slash or NUL cannot be in a name; where a disk says so it is written as an escape. */
export function textOfName(bytes: Uint8Array): string {
  let text: string
  try {
    text = strict.decode(bytes)
  } catch {
    text = [...bytes].map((byte) => (byte < 0x80 ? String.fromCharCode(byte) : escape(byte))).join('')
  }
  // oxlint-disable-next-line no-control-regex -- NUL is what is looked for
  return text.replaceAll(/[\0/]/g, (sign) => escape(sign.charCodeAt(0)))
}

function escape(byte: number): string {
  return `\\x${byte.toString(16).padStart(2, '0')}`
}

/** What the top bits of a POSIX mode say. */
export function kindOfMode(mode: number): FileKind {
  const type = mode & 0o170_000
  if (type === 0o100_000) return 'file'
  if (type === 0o040_000) return 'directory'
  if (type === 0o120_000) return 'link'
  return type === 0 ? 'damaged' : 'other'
}
