import { ContentList } from './content-list.ts'

const quote = 0x22
const backslash = 0x5c
const open = 0x5b
const close = 0x5d
const comma = 0x2c
const colon = 0x3a

const hexValue = new Int8Array(256).fill(-1)
for (let i = 0; i < 16; i++) {
  hexValue[i.toString(16).charCodeAt(0)] = i
}

/** An id in a list, with its quotes and the comma after it. */
const entryLength = 67

type State = 'json' | 'string' | 'escape' | 'content' | 'id'

/**
 * Takes the content lists out of the JSON of a tree while it streams by. A list of a disk of 16 TiB has up to 2 GiB of JSON, more than a string
 * of V8 holds; what is left is small, has the number of the list in place of the list, and goes through `JSON.parse`.
 */
export class ContentScanner {
  readonly contents: ContentList[] = []
  readonly #rest: Buffer[] = []
  #state: State = 'json'
  /** Last string that ended, for telling the key `content`. */
  #string = ''
  /** Bytes of the string that is being read. */
  #stringParts: Buffer[] = []
  #keyPending = false
  readonly #id = new Uint8Array(32)
  #digits = 0
  #list: ContentList | undefined

  /** Reads on; `false` when what it reads can't be a list of ids. */
  push(chunk: Uint8Array): boolean {
    let kept = 0
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i] ?? 0
      switch (this.#state) {
        case 'json': {
          if (byte === open && this.#keyPending) {
            this.#keep(chunk, kept, i)
            this.#rest.push(Buffer.from(String(this.contents.length)))
            this.#list = new ContentList()
            this.contents.push(this.#list)
            this.#state = 'content'
          }
          this.#noteJson(byte)
          if (byte === quote) this.#beginString(i)
          break
        }
        case 'string': {
          if (byte === backslash) this.#state = 'escape'
          else if (byte === quote) this.#endString(chunk, i)
          break
        }
        case 'escape': {
          this.#state = 'string'
          break
        }
        case 'content': {
          if (byte === quote) {
            const again = repetitions(chunk, i)
            if (again > 0) {
              this.#list?.push(this.#id, again)
              i += again * entryLength - 1
              break
            }
            this.#state = 'id'
            this.#digits = 0
          } else if (byte === close) {
            this.#state = 'json'
            kept = i + 1
          } else if (byte !== comma && byte > 0x20) return false
          break
        }
        case 'id': {
          if (!this.#readId(byte)) return false
          break
        }
      }
    }
    if (this.#state === 'string' || this.#state === 'escape') this.#stringTail(chunk)
    if (this.#state !== 'content' && this.#state !== 'id') this.#keep(chunk, kept, chunk.length)
    return true
  }

  /** The JSON without the lists. */
  rest(): string {
    return Buffer.concat(this.#rest).toString('utf8')
  }

  #stringFrom = 0

  #beginString(at: number): void {
    this.#state = 'string'
    this.#stringParts = []
    this.#stringFrom = at + 1
  }

  #endString(chunk: Uint8Array, at: number): void {
    this.#stringParts.push(Buffer.from(chunk.slice(this.#stringFrom, at)))
    this.#string = Buffer.concat(this.#stringParts).toString('latin1')
    this.#state = 'json'
  }

  /** Only short strings can be the key, so the rest of a long one need not be kept. */
  #stringTail(chunk: Uint8Array): void {
    if (this.#stringParts.length < 16)
      this.#stringParts.push(Buffer.from(chunk.slice(this.#stringFrom, this.#stringFrom + 16)))
    this.#stringFrom = 0
  }

  /** A list belongs to the key `content` when only a colon and white space stand between. */
  #noteJson(byte: number): void {
    if (byte === colon) this.#keyPending = this.#string === 'content'
    else if (byte > 0x20) this.#keyPending = false
  }

  #readId(byte: number): boolean {
    if (byte === quote) {
      if (this.#digits !== 64) return false
      this.#list?.push(this.#id)
      this.#state = 'content'
      return true
    }
    const digit = hexValue[byte] ?? -1
    if (digit < 0 || this.#digits >= 64) return false
    const at = this.#digits >> 1
    this.#id[at] = this.#digits % 2 === 0 ? digit << 4 : (this.#id[at] ?? 0) | digit
    this.#digits++
    return true
  }

  #keep(chunk: Uint8Array, from: number, to: number): void {
    if (to > from) this.#rest.push(Buffer.from(chunk.slice(from, to)))
  }
}

/**
 * How often the entry that ended just before `at` follows again. The zeros of a disk are long runs of one id: comparing memory is many times
 * faster than reading digits.
 */
function repetitions(chunk: Uint8Array, at: number): number {
  if (at < entryLength || chunk[at - 1] !== comma || chunk[at - 2] !== quote) return 0
  // Ids that differ mostly differ at once.
  if (chunk[at + 1] !== chunk[at + 1 - entryLength] || chunk[at + 2] !== chunk[at + 2 - entryLength]) return 0
  const possible = Math.floor((chunk.length - at) / entryLength)
  let count = 0
  for (let step = 1; step > 0 && count < possible;) {
    const tried = Math.min(step, possible - count)
    const from = at + count * entryLength
    const length = tried * entryLength
    const before = from - entryLength
    if (Buffer.compare(chunk.subarray(from, from + length), chunk.subarray(before, before + length)) === 0) {
      count += tried
      step *= 2
    } else step = tried >> 1
  }
  return count
}
