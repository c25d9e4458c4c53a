import { concatBytes, viewOf } from '@nixen/core'
import {
  chunkHeaderLength,
  optionMagic,
  optionReplyMagic,
  requestLength,
  requestMagic,
  simpleReplyLength,
  simpleReplyMagic,
  structuredReplyMagic,
} from './protocol.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: false })

/** UTF-8 bytes of a name; the protocol has no other text. */
export function encodeText(text: string): Uint8Array {
  return encoder.encode(text)
}

export function decodeText(bytes: Uint8Array): string {
  return decoder.decode(bytes)
}

export function uint16(value: number): Uint8Array {
  const bytes = new Uint8Array(2)
  viewOf(bytes).setUint16(0, value)
  return bytes
}

export function uint32(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  viewOf(bytes).setUint32(0, value)
  return bytes
}

export function uint64(value: number | bigint): Uint8Array {
  const bytes = new Uint8Array(8)
  viewOf(bytes).setBigUint64(0, BigInt(value))
  return bytes
}

/** A string with its length in 32 bits before it, as in options. */
export function lengthPrefixed(text: string): Uint8Array {
  const bytes = encodeText(text)
  return concatBytes([uint32(bytes.length), bytes])
}

/** An option as the client sends it. */
export function encodeOption(option: number, data: Uint8Array = new Uint8Array(0)): Uint8Array {
  return concatBytes([uint64(optionMagic), uint32(option), uint32(data.length), data])
}

/** One reply to an option as the server sends it. */
export function encodeOptionReply(option: number, type: number, data: Uint8Array = new Uint8Array(0)): Uint8Array {
  return concatBytes([uint64(optionReplyMagic), uint32(option), uint32(type), uint32(data.length), data])
}

export interface Request {
  readonly flags: number
  readonly type: number
  /** Two 32-bit halves: handles are opaque, a `bigint` for each would be garbage for each. */
  readonly handleHigh: number
  readonly handleLow: number
  readonly offset: number
  readonly length: number
}

export function encodeRequest(request: Request): Uint8Array {
  const bytes = new Uint8Array(requestLength)
  const view = viewOf(bytes)
  view.setUint32(0, requestMagic)
  view.setUint16(4, request.flags)
  view.setUint16(6, request.type)
  view.setUint32(8, request.handleHigh)
  view.setUint32(12, request.handleLow)
  view.setBigUint64(16, BigInt(request.offset))
  view.setUint32(24, request.length)
  return bytes
}

/**
 * The request in `bytes`; `undefined` when the magic is wrong. Offsets beyond 2^53 lose precision but stay beyond every disk, and so
 * are refused as out of range.
 */
export function decodeRequest(bytes: Uint8Array): Request | undefined {
  const view = viewOf(bytes)
  if (view.getUint32(0) !== requestMagic) return undefined
  return {
    flags: view.getUint16(4),
    type: view.getUint16(6),
    handleHigh: view.getUint32(8),
    handleLow: view.getUint32(12),
    offset: view.getUint32(16) * 0x1_0000_0000 + view.getUint32(20),
    length: view.getUint32(24),
  }
}

type Handle = Pick<Request, 'handleHigh' | 'handleLow'>

export function encodeSimpleReply(handle: Handle, error: number): Uint8Array {
  const bytes = new Uint8Array(simpleReplyLength)
  const view = viewOf(bytes)
  view.setUint32(0, simpleReplyMagic)
  view.setUint32(4, error)
  view.setUint32(8, handle.handleHigh)
  view.setUint32(12, handle.handleLow)
  return bytes
}

export interface ChunkHeader {
  readonly flags: number
  readonly type: number
  /** Bytes of payload that follow the header. */
  readonly length: number
}

/** Header of a chunk of a structured reply, with `room` for the fields of its payload after it. */
export function encodeChunk(handle: Handle, header: ChunkHeader, room = 0): Uint8Array {
  const bytes = new Uint8Array(chunkHeaderLength + room)
  const view = viewOf(bytes)
  view.setUint32(0, structuredReplyMagic)
  view.setUint16(4, header.flags)
  view.setUint16(6, header.type)
  view.setUint32(8, handle.handleHigh)
  view.setUint32(12, handle.handleLow)
  view.setUint32(16, header.length)
  return bytes
}
