import { fstatSync } from 'node:fs'

// Node has no call for lseek(SEEK_DATA, SEEK_HOLE). Its foreign function interface can call the C library's, where it is there and
// works; where not, holes are found by reading them, which costs little with direct I/O (docs/format/disk.md, "Holes").

/** Finds data and holes of an open file. */
export interface HoleFinder {
  /** Offset of the first byte of data at or after `offset`; `undefined` when only a hole is left. */
  dataAt(fd: number, offset: number): number | undefined
  /** Offset of the first hole at or after `offset`, which lies in data; the end of the file counts as a hole. */
  holeAt(fd: number, offset: number): number
}

type Lseek = (fd: number, offset: bigint, whence: number) => bigint

const seekEnd = 2
const seekData = 3
const seekHole = 4

// `null`: not looked for yet.
let lseek: Lseek | undefined | null = null

/** The finder for the open file `fd` of `size` bytes; `undefined` where the system or Node can't tell. */
export function holeFinder(fd: number, size: number): HoleFinder | undefined {
  if (lseek === null) lseek = loadLseek()
  const seek = lseek
  if (!seek) return undefined
  // A call that is wired up wrongly shows here, and is never used again.
  if (!findsEnd(seek, fd, size)) {
    lseek = undefined
    return undefined
  }
  // A file system without SEEK_HOLE answers -1 (EINVAL); one that only pretends says that all is data, which is true as well.
  if (size > 0 && seek(fd, 0n, seekHole) < 0n) return undefined
  return {
    dataAt: (file, offset) => {
      const found = seek(file, BigInt(offset), seekData)
      return found < 0n ? undefined : Number(found)
    },
    holeAt: (file, offset) => {
      const found = seek(file, BigInt(offset), seekHole)
      return found < 0n ? size : Number(found)
    },
  }
}

/** Whether the call gives the end of a file of `size` bytes, or of what it has become meanwhile: another thread may be writing to it. */
function findsEnd(seek: Lseek, fd: number, size: number): boolean {
  const before = fstatSync(fd).size
  const end = Number(seek(fd, 0n, seekEnd))
  const after = fstatSync(fd).size
  return end === size || (end >= Math.min(before, after) && end <= Math.max(before, after))
}

function loadLseek(): Lseek | undefined {
  if (process.platform !== 'linux') return undefined
  // Node warns on the terminal that the interface is experimental. What is used of it is tested above each time, and users can't act on it.
  const warn = Object.getOwnPropertyDescriptor(process, 'emitWarning')
  try {
    process.emitWarning = () => undefined
    const ffi = process.getBuiltinModule('node:ffi')
    return ffi.dlopen(null, { lseek: { arguments: ['i32', 'i64', 'i32'], return: 'i64' } }).functions.lseek
  } catch {
    // Another version of Node, or one that forbids it: holes are found by reading.
    return undefined
  } finally {
    if (warn) Object.defineProperty(process, 'emitWarning', warn)
  }
}
