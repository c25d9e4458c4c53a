import { viewOf } from '@nixen/core'

/** How long a message of a viewer is, and whether a console that is only watched gets it. */
export interface MessageLength {
  readonly bytes: number
  readonly pass: boolean
}
/** A message of which the length is not known. */
export const forbidden = Symbol('forbidden')

/** Longest list of encodings that is taken; viewers send about thirty. */
const mostEncodings = 4096

/**
 * Length of the message of a viewer (RFC 6143, 7.5, and the extensions of the community's protocol description) that begins `bytes`, which
 * are not empty; `undefined` when too little is there to say.
 */
export function lengthOf(bytes: Uint8Array): MessageLength | typeof forbidden | undefined {
  switch (bytes[0] ?? -1) {
    case 0: // SetPixelFormat
      return { bytes: 20, pass: true }
    case 2: {
      // SetEncodings
      if (bytes.length < 4) return undefined
      const count = viewOf(bytes).getUint16(2)
      return count > mostEncodings ? forbidden : { bytes: 4 + 4 * count, pass: true }
    }
    case 3: // FramebufferUpdateRequest
      return { bytes: 10, pass: true }
    default:
      return dropped(bytes)
  }
}

/** A whole message that is passed on, without what a watcher must not have. */
export function cleaned(message: Uint8Array): Uint8Array {
  return message[0] === 2 ? cleanEncodings(message) : message
}

function dropped(bytes: Uint8Array): MessageLength | typeof forbidden | undefined {
  switch (bytes[0] ?? -1) {
    case 4: // KeyEvent
      return { bytes: 8, pass: false }
    case 5: // PointerEvent
      return { bytes: 6, pass: false }
    case 6: {
      // ClientCutText; a negative length is that of the extended clipboard.
      return bytes.length < 8 ? undefined : { bytes: 8 + Math.abs(viewOf(bytes).getInt32(4)), pass: false }
    }
    case 150: // EnableContinuousUpdates
      return { bytes: 10, pass: false }
    case 248: // ClientFence: type, padding, flags, length
      return bytes.length < 9 ? undefined : { bytes: 9 + (bytes[8] ?? 0), pass: false }
    case 250: // xvp
      return { bytes: 4, pass: false }
    case 251: // SetDesktopSize: 16 bytes for each screen
      return bytes.length < 8 ? undefined : { bytes: 8 + 16 * (bytes[6] ?? 0), pass: false }
    case 255:
      return qemuMessage(bytes)
    default:
      return forbidden
  }
}

/** QEMU's own messages: an extended key event, and three about audio. */
function qemuMessage(bytes: Uint8Array): MessageLength | typeof forbidden | undefined {
  if (bytes.length < 2) return undefined
  if (bytes[1] === 0) return { bytes: 12, pass: false }
  if (bytes[1] !== 1) return forbidden
  if (bytes.length < 4) return undefined
  const operation = viewOf(bytes).getUint16(2)
  if (operation > 2) return forbidden
  return { bytes: operation === 2 ? 10 : 4, pass: false }
}

/** The encodings of pixels, of the cursor and of sizes: nothing by which a viewer may send more than RFC 6143 has. */
const encodings: ReadonlySet<number> = new Set([
  // Of pixels; 21 is JPEG, 50 H.264, -260 Tight with PNG.
  0, 1, 2, 4, 5, 6, 7, 8, 9, 15, 16, 17, 21, 22, 50, -260,
  // What a server says by itself: cursors, sizes, the last rectangle, where the pointer is, lights of the keyboard, the name.
  -239, -240, -314, 0x574d5664, -223, -224, -232, -261, -307,
]) // prettier-ignore

/** Levels of quality and compression of Tight (−32 … −23, −256 … −247) and its finer ones (−512 … −412, −768 … −763). */
function isLevel(encoding: number): boolean {
  return (
    (encoding >= -32 && encoding <= -23) ||
    (encoding >= -256 && encoding <= -247) ||
    (encoding >= -512 && encoding <= -412) ||
    (encoding >= -768 && encoding <= -763)
  )
}

function cleanEncodings(message: Uint8Array): Uint8Array {
  const view = viewOf(message)
  const all = Array.from({ length: view.getUint16(2) }, (_, i) => view.getInt32(4 + 4 * i))
  const kept = all.filter((encoding) => encodings.has(encoding) || isLevel(encoding))
  const cleaned = Buffer.alloc(4 + 4 * kept.length)
  cleaned[0] = 2
  cleaned.writeUInt16BE(kept.length, 2)
  for (const [i, encoding] of kept.entries()) cleaned.writeInt32BE(encoding, 4 + 4 * i)
  return cleaned
}
