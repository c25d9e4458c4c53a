import type { JsonCursor } from './json-cursor.ts'

/**
 * The object that was read last, as bytes and values. Records of a class are alike: where the bytes of the next one are the same for whole
 * members, their values are taken over without being read. Objects and arrays are only taken over when they are frozen.
 *
 * An object counts as read with {@link LastObject.finish}; until then what is noted can be dropped and begun again.
 */
export class LastObject {
  readonly #names: readonly string[]
  /** Has the last value of each member; copied for each new object. Nobody else has it, so nobody changes it. */
  readonly #pattern: Record<string, unknown>
  /** Which of these values the next object may have as well. */
  readonly #shareable: Uint8Array
  #bytes: Buffer = Buffer.alloc(4096)
  #view: DataView = viewOf(this.#bytes)
  #known = false
  /** Where each member begins, its comma included, counted from behind the opening brace; then the closing brace. */
  #starts: Int32Array
  #nextStarts: Int32Array
  /** Members of the object at hand that are not as in the last one. */
  readonly #changed: unknown[] = []
  readonly #changedAt: number[] = []
  #origin = 0

  constructor(names: readonly string[], template: Readonly<Record<string, unknown>>) {
    this.#names = names
    this.#pattern = { ...template }
    this.#shareable = new Uint8Array(names.length)
    this.#starts = new Int32Array(names.length + 1)
    this.#nextStarts = new Int32Array(names.length + 1)
  }

  /** The cursor stands after the opening brace of the next object. */
  begin(cursor: JsonCursor): void {
    this.#origin = cursor.at
    this.#changed.length = 0
    this.#changedAt.length = 0
  }

  /** Takes over members from `index` on as long as their bytes, and the comma or brace behind them, are the same; returns the first one left. */
  takeOver(cursor: JsonCursor, index: number): number {
    if (!this.#known) return index
    const starts = this.#starts
    const shift = cursor.at - (starts[index] ?? 0)
    const same = this.#sameUpTo(cursor, starts[index] ?? 0, shift)
    let next = index
    const shareable = this.#shareable
    while (next < shareable.length && (starts[next + 1] ?? 0) < same && shareable[next] === 1) {
      this.#nextStarts[next] = (starts[next] ?? 0) + shift - this.#origin
      next++
    }
    cursor.at = (starts[next] ?? 0) + shift
    return next
  }

  /** The member `index` is read next, from the cursor on. */
  start(cursor: JsonCursor, index: number): void {
    this.#nextStarts[index] = cursor.at - this.#origin
  }

  change(index: number, value: unknown): void {
    this.#changedAt.push(index)
    this.#changed.push(value)
  }

  /** The object at hand, as far as it was read. */
  object(): Record<string, unknown> {
    const object = { ...this.#pattern }
    for (let i = 0; i < this.#changed.length; i++) object[this.#names[this.#changedAt[i] ?? 0] ?? ''] = this.#changed[i]
    return object
  }

  /** The object at hand, which is read to its end; the next one is compared with it. */
  finish(cursor: JsonCursor): Record<string, unknown> {
    for (let i = 0; i < this.#changed.length; i++) {
      const index = this.#changedAt[i] ?? 0
      this.#pattern[this.#names[index] ?? ''] = this.#changed[i]
      this.#shareable[index] = isShareable(this.#changed[i]) ? 1 : 0
    }
    // The cursor stands behind the closing brace.
    const length = cursor.at - this.#origin
    if (length > this.#bytes.length) {
      this.#bytes = Buffer.alloc(2 * length)
      this.#view = viewOf(this.#bytes)
    }
    cursor.bytes.copy(this.#bytes, 0, this.#origin, cursor.at)
    this.#nextStarts[this.#names.length] = length - 1
    const starts = this.#starts
    this.#starts = this.#nextStarts
    this.#nextStarts = starts
    this.#known = true
    return { ...this.#pattern }
  }

  /** Up to which offset of the last object the bytes at the cursor are the same, from `from` on. */
  #sameUpTo(cursor: JsonCursor, from: number, shift: number): number {
    const last = this.#bytes
    const bytes = cursor.bytes
    const end = Math.min((this.#starts[this.#names.length] ?? 0) + 1, bytes.length - shift)
    const lastView = this.#view
    const view = cursor.view
    const wordsEnd = end - 4
    let at = from
    while (at <= wordsEnd && lastView.getInt32(at, true) === view.getInt32(at + shift, true)) at += 4
    while (at < end && last[at] === bytes[at + shift]) at++
    return at
  }
}

function viewOf({ buffer, byteOffset, length }: Buffer): DataView {
  return new DataView(buffer, byteOffset, length)
}

function isShareable(value: unknown): boolean {
  return typeof value !== 'object' || value === null || Object.isFrozen(value)
}
