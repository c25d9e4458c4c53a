import { isSet } from './font.ts'

interface Area {
  readonly columns: number
  readonly rows: number
  /** Pixels of a point; each character takes four by six points. */
  readonly scale: number
}

/** What a machine shows: text, a cursor after it, and the pointer. All who look at a machine look at one screen. */
export class Screen {
  readonly width: number
  readonly height: number
  readonly #area: Area
  #lines: string[] = ['']
  #cursor = true
  #pointer: { x: number; y: number; pressed: boolean } | undefined
  readonly #watchers = new Set<() => void>()

  constructor({ columns = 60, rows = 20, scale = 3 }: Partial<Area> = {}) {
    this.#area = { columns, rows, scale }
    this.width = columns * 4 * scale
    this.height = rows * 6 * scale
  }

  /** Calls back after each change, until the function that it returns is called. */
  watch(onChange: () => void): () => void {
    this.#watchers.add(onChange)
    return () => void this.#watchers.delete(onChange)
  }

  /** Adds text; a new line begins at `\n`, at the right edge, and the oldest goes. A backspace takes the last character away. */
  write(text: string): void {
    const { columns, rows } = this.#area
    for (const character of text) {
      const last = this.#lines.length - 1
      const line = this.#lines[last] ?? ''
      if (character === '\b') this.#lines[last] = line.slice(0, -1)
      else if (character === '\n' || line.length >= columns) this.#lines.push(character === '\n' ? '' : character)
      else this.#lines[last] = line + character
    }
    this.#lines = this.#lines.slice(-rows)
    this.#changed()
  }

  /** Moves the pointer, which is a cross, or a filled square while a button is pressed. */
  point(x: number, y: number, pressed: boolean): void {
    const before = this.#pointer
    if (before?.x === x && before.y === y && before.pressed === pressed) return
    this.#pointer = { x, y, pressed }
    this.#changed()
  }

  /** Shows the cursor, or takes it away. */
  blink(): void {
    this.#cursor = !this.#cursor
    this.#changed()
  }

  /** One byte for each pixel, row by row: 1 where it is lit. */
  pixels(): Uint8Array {
    const pixels = new Uint8Array(this.width * this.height)
    for (const [row, line] of this.#lines.entries()) {
      for (let column = 0; column < line.length; column++) {
        this.#cell(pixels, { row, column }, (x, y) => isSet(line.charAt(column), x, y))
      }
    }
    const [row, column] = [this.#lines.length - 1, this.#lines.at(-1)?.length ?? 0]
    if (this.#cursor && column < this.#area.columns) this.#cell(pixels, { row, column }, () => true)
    this.#drawPointer(pixels)
    return pixels
  }

  /** Sets those of the three by five points of a character for which `lit` holds. */
  #cell(pixels: Uint8Array, at: { row: number; column: number }, lit: (x: number, y: number) => boolean): void {
    const { scale } = this.#area
    for (let y = 0; y < 5; y++) {
      for (let x = 0; x < 3; x++) {
        if (!lit(x, y)) continue
        const [left, top] = [(at.column * 4 + x) * scale, (at.row * 6 + y) * scale]
        for (let line = top; line < top + scale; line++) {
          pixels.fill(1, line * this.width + left, line * this.width + left + scale)
        }
      }
    }
  }

  #drawPointer(pixels: Uint8Array): void {
    if (!this.#pointer) return
    const { x, y, pressed } = this.#pointer
    for (let dy = -4; dy <= 4; dy++) {
      for (let dx = -4; dx <= 4; dx++) {
        const [px, py] = [x + dx, y + dy]
        if (px < 0 || py < 0 || px >= this.width || py >= this.height) continue
        if (pressed || dx === 0 || dy === 0) pixels[py * this.width + px] = 1
      }
    }
  }

  #changed(): void {
    for (const onChange of this.#watchers) onChange()
  }
}
