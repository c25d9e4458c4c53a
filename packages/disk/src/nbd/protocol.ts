// Numbers of the NBD protocol (https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md). All fields are big endian.

/** First eight bytes of a server: `NBDMAGIC`. */
export const initialMagic = 0x4e42444d41474943n
/** `IHAVEOPT`: newstyle negotiation, and the start of each option. */
export const optionMagic = 0x49484156454f5054n
/** Follows `NBDMAGIC` on servers of the oldstyle negotiation, which has no options at all. */
export const oldstyleMagic = 0x00420281861253n
/** Start of each reply to an option. */
export const optionReplyMagic = 0x3e889045565a9n
export const requestMagic = 0x25609513
export const simpleReplyMagic = 0x67446698
export const structuredReplyMagic = 0x668e33ef

/** Bytes of a request without its payload. */
export const requestLength = 28
/** Bytes of a simple reply without its payload. */
export const simpleReplyLength = 16
/** Bytes of the header of a structured reply chunk. */
export const chunkHeaderLength = 20
/** Longest string (export name, description, context) the protocol allows. */
export const maxString = 4096
/** What a client may ask for when the server names no maximum ("Size constraints"). */
export const defaultMaxRequest: number = 32 * 1024 * 1024

/** Flags of the server and of the client at the start of newstyle negotiation. */
export const handshakeFlag = { fixedNewstyle: 1, noZeroes: 2 } as const

export const option = {
  exportName: 1,
  abort: 2,
  list: 3,
  startTls: 5,
  info: 6,
  go: 7,
  structuredReply: 8,
  listMetaContext: 9,
  setMetaContext: 10,
} as const

export const optionReply = {
  ack: 1,
  server: 2,
  info: 3,
  metaContext: 4,
  errUnsupported: 0x8000_0001,
  errPolicy: 0x8000_0002,
  errInvalid: 0x8000_0003,
  errPlatform: 0x8000_0004,
  errTlsRequired: 0x8000_0005,
  errUnknown: 0x8000_0006,
  errShutdown: 0x8000_0007,
  errBlockSizeRequired: 0x8000_0008,
  errTooBig: 0x8000_0009,
} as const

/** Kinds of information in a reply to `info` and `go`. */
export const infoType = { export: 0, name: 1, description: 2, blockSize: 3 } as const

/** What an export can do ("Transmission flags"). */
export const exportFlag = {
  hasFlags: 1 << 0,
  readOnly: 1 << 1,
  flush: 1 << 2,
  fua: 1 << 3,
  rotational: 1 << 4,
  trim: 1 << 5,
  writeZeroes: 1 << 6,
  df: 1 << 7,
  multiConn: 1 << 8,
  resize: 1 << 9,
  cache: 1 << 10,
  fastZero: 1 << 11,
} as const

export const command = {
  read: 0,
  write: 1,
  disconnect: 2,
  flush: 3,
  trim: 4,
  cache: 5,
  writeZeroes: 6,
  blockStatus: 7,
} as const

export const commandFlag = { fua: 1, noHole: 2, df: 4, reqOne: 8, fastZero: 16 } as const

/** Structured replies: the last chunk of a reply carries `chunkDone`. */
export const chunkDone = 1
export const chunk = {
  none: 0,
  offsetData: 1,
  offsetHole: 2,
  blockStatus: 5,
  error: 0x8001,
  errorOffset: 0x8002,
} as const
/** Types with this bit are errors, also those that are not known. */
export const chunkErrorBit = 0x8000

/** Error values on the wire; a subset of Linux' errno. */
export const errno = {
  EPERM: 1,
  EIO: 5,
  ENOMEM: 12,
  EINVAL: 22,
  ENOSPC: 28,
  EOVERFLOW: 75,
  ENOTSUP: 95,
  ESHUTDOWN: 108,
} as const

/** Name of an error value, for people. */
export function errnoName(value: number): string {
  const found = Object.entries(errno).find(([, number]) => number === value)
  return found ? found[0] : `error ${value}`
}

/** The metadata context about holes and zeros, and its flags in a block status. */
export const allocationContext = 'base:allocation'
export const allocationFlag = { hole: 1, zero: 2 } as const
/** Prefix of contexts of dirty bitmaps: QEMU's, understood by its tools and ours. */
export const dirtyBitmapPrefix = 'qemu:dirty-bitmap:'
export const dirtyFlag = 1
