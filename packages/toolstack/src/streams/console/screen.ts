import { isSet } from './font.ts'

/** A text screen as pixels. Each character takes four by six points of `scale` pixels. */
export class Screen {
  readonly width: number
  readonly height: number
  readonly #columns: number
  readonly #rows: number
  readonly #scale: number
  #lines: string[] = ['']

  constructor({ columns = 60, rows = 20, scale = 3 }: { columns?: number; rows?: number; scale?: number } = {}) {
    this.#columns = columns
    this.#rows = rows
    this.#scale = scale
    this.width = columns * 4 * scale
    this.height = rows * 6 * scale
  }

  /** Adds text; a new line begins at `\n`, at the right edge, and the oldest goes. A backspace takes the last character away. */
  write(text: string): void {
    for (const character of text) {
      const last = this.#lines.length - 1
      const line = this.#lines[last] ?? ''
      if (character === '\b') this.#lines[last] = line.slice(0, -1)
      else if (character === '\n' || line.length >= this.#columns) this.#lines.push(character === '\n' ? '' : character)
      else this.#lines[last] = line + character
    }
    this.#lines = this.#lines.slice(-this.#rows)
  }

  /** Whether a pixel is lit. The cursor is a block after the last character. */
  lit(x: number, y: number): boolean {
    const column = Math.floor(x / (4 * this.#scale))
    const row = Math.floor(y / (6 * this.#scale))
    const line = this.#lines[row] ?? ''
    const [pointX, pointY] = [Math.floor(x / this.#scale) % 4, Math.floor(y / this.#scale) % 6]
    if (row === this.#lines.length - 1 && column === line.length) return pointX < 3 && pointY < 5
    const character = line[column]
    return character !== undefined && pointX < 3 && pointY < 5 && isSet(character, pointX, pointY)
  }
}
