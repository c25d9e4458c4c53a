import { libvirtErrors } from '../errors.ts'

/** Numbers of libvirt's framing (`virnetprotocol.x`). All are 32-bit, big endian. */
export const messageType = { call: 0, reply: 1, message: 2, stream: 3, callFds: 4, replyFds: 5, hole: 6 } as const
export const messageStatus = { ok: 0, error: 1, continue: 2 } as const
/** Bytes of the length word and of the header after it. */
export const headerLength = 28
/** The longest frame, its length word included. */
export const maxFrame = 33_554_436
/** The most payload of a stream packet that every daemon takes. */
export const maxPacket = 262_120
export const keepaliveProgram = { program: 0x6b656570, version: 1, ping: 1, pong: 2 } as const

/** A message as it came. `body` begins after the header; it is a view, valid as long as nobody writes into the socket's memory. */
export interface Frame {
  readonly program: number
  readonly version: number
  readonly procedure: number
  readonly type: number
  readonly serial: number
  readonly status: number
  readonly body: Buffer
}

/** Puts frames together from what a socket gives. */
export class FrameReader {
  #parts: Buffer[] = []
  #length = 0
  #wanted = 0

  /** Whether part of a frame has come and the rest has not. */
  get inFrame(): boolean {
    return this.#length > 0
  }

  /** Frames that are complete with `chunk`. @throws libvirt.bad_frame */
  *push(chunk: Buffer): Generator<Frame, void> {
    this.#parts.push(chunk)
    this.#length += chunk.length
    for (;;) {
      if (this.#wanted === 0) {
        if (this.#length < 4) return
        this.#wanted = lengthOf(this.#head(4))
      }
      if (this.#length < this.#wanted) return
      const all = this.#head(this.#length)
      const frame = all.subarray(0, this.#wanted)
      const rest = all.subarray(this.#wanted)
      this.#parts = rest.length > 0 ? [rest] : []
      this.#length = rest.length
      this.#wanted = 0
      yield readFrame(frame)
    }
  }

  /** The first `length` bytes at least, in one piece. */
  #head(length: number): Buffer {
    const [first] = this.#parts
    if (first && (this.#parts.length === 1 || first.length >= length)) return first
    const whole = Buffer.concat(this.#parts, this.#length)
    this.#parts = [whole]
    return whole
  }
}

function lengthOf(bytes: Buffer): number {
  const length = bytes.readUInt32BE(0)
  if (length >= headerLength && length <= maxFrame) return length
  throw libvirtErrors.bad_frame({ reason: `a message of ${length} bytes` })
}

function readFrame(frame: Buffer): Frame {
  return {
    program: frame.readUInt32BE(4),
    version: frame.readUInt32BE(8),
    procedure: frame.readInt32BE(12),
    type: frame.readInt32BE(16),
    serial: frame.readUInt32BE(20),
    status: frame.readInt32BE(24),
    body: frame.subarray(headerLength),
  }
}

/** Writes the header of a frame; `length` counts all of it. */
export function writeHeader(into: Buffer, header: Omit<Frame, 'body'> & { readonly length: number }): void {
  into.writeUInt32BE(header.length, 0)
  into.writeUInt32BE(header.program, 4)
  into.writeUInt32BE(header.version, 8)
  into.writeInt32BE(header.procedure, 12)
  into.writeInt32BE(header.type, 16)
  into.writeUInt32BE(header.serial, 20)
  into.writeInt32BE(header.status, 24)
}
