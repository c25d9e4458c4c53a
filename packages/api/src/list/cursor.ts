import { queryErrors } from '../query/errors.ts'
import type { Order, Place, PlaceOf } from './order.ts'

/** The cursor behind which the next page begins; `of` is the query and order of the list. */
export function writeCursor<T extends { readonly id: string }>(order: Order<T>, end: PlaceOf<T>, of: string): string {
  const values = order.values(end).map((value) => value ?? null)
  return toBase64Url(JSON.stringify([fingerprint(of), values, end.id]))
}

/** The place that a cursor stands for. Throws `query.bad_cursor`, also for the cursor of another list. */
export function readCursor(text: string, { of, count }: { readonly of: string; readonly count: number }): Place {
  let parsed: unknown
  try {
    parsed = JSON.parse(fromBase64Url(text))
  } catch (error) {
    throw queryErrors.bad_cursor(undefined, { cause: error })
  }
  const [mark, values, id]: readonly unknown[] = Array.isArray(parsed) ? parsed : []
  if (mark !== fingerprint(of) || typeof id !== 'string' || !Array.isArray(values) || values.length !== count) {
    throw queryErrors.bad_cursor()
  }
  const known = values.map((value: unknown) =>
    typeof value === 'string' || typeof value === 'number' ? value : undefined,
  )
  return { id, first: known[0], values: known, item: undefined }
}

/** FNV-1a, 32 bits: tells lists apart, protects nothing. */
function fingerprint(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}

/** Its UTF-8 is the text itself. */
const isAscii = /^[\x20-\x7e]*$/

function toBase64Url(text: string): string {
  const binary = isAscii.test(text)
    ? text
    : Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join('')
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

function fromBase64Url(text: string): string {
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'))
  return new TextDecoder().decode(Uint8Array.from(binary, (letter) => letter.charCodeAt(0)))
}
