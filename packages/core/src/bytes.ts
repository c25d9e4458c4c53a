const hexDigits = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** Lower-case hexadecimal text of `bytes`. */
export function toHex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += hexDigits[byte]
  return text
}

/** Bytes of hexadecimal text; throws a `RangeError` for anything else. */
export function fromHex(text: string): Uint8Array<ArrayBuffer> {
  if (text.length % 2 !== 0 || /[^0-9a-f]/i.test(text)) throw new RangeError(`Not hexadecimal: ${text.slice(0, 80)}`)
  const bytes = new Uint8Array(text.length / 2)
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16)
  return bytes
}

/** One array with the contents of all `parts`. */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let length = 0
  for (const part of parts) length += part.length
  const whole = new Uint8Array(length)
  let offset = 0
  for (const part of parts) {
    whole.set(part, offset)
    offset += part.length
  }
  return whole
}

/** Whether both arrays hold the same bytes. Not for secrets: it stops at the first difference. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Whether all bytes are zero. Compares eight bytes at a time where the alignment allows it. */
export function isZero(bytes: Uint8Array): boolean {
  const head = Math.min(bytes.length, (8 - (bytes.byteOffset % 8)) % 8)
  const words = (bytes.length - head) >>> 3
  return (
    isZeroRange(bytes, 0, head) &&
    // An empty array may have an offset that no Float64Array takes.
    (words === 0 || isZeroWords(new Float64Array(bytes.buffer, bytes.byteOffset + head, words))) &&
    isZeroRange(bytes, head + words * 8, bytes.length)
  )
}

function isZeroRange(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i] !== 0) return false
  return true
}

function isZeroWords(words: Float64Array): boolean {
  // -0 (only the top bit set) equals 0 but is not zero bytes.
  for (const word of words) if (word !== 0 || Object.is(word, -0)) return false
  return true
}

/** A view of the same memory for reading and writing numbers. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** `value` rounded up to a multiple of `unit`. */
export function alignUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit
}

/** `value` rounded down to a multiple of `unit`. */
export function alignDown(value: number, unit: number): number {
  return Math.floor(value / unit) * unit
}

/** A 64-bit number from a file or the wire as a safe integer, or `undefined` when it is beyond 2^53 - 1. */
export function safeInteger(value: bigint): number | undefined {
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)
    ? Number(value)
    : undefined
}
