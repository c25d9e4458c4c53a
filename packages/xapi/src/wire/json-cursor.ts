import { Mismatch } from '../values/mismatch.ts'
import { parseFloatText, parseInteger, setMember } from '../values/plain.ts'
import { StringTable } from './string-table.ts'

/** Thrown when the bytes end inside a value: the caller tries again with more of them. */
export const shortage: Error = new Error('more bytes are needed')

const maxDepth = 128
// Bytes with a meaning in JSON.
const quote = 0x22
const backslash = 0x5c
const comma = 0x2c
const colon = 0x3a
const openBrace = 0x7b
const closeBrace = 0x7d
const openBracket = 0x5b
const closeBracket = 0x5d
const minus = 0x2d

const trueBytes = new TextEncoder().encode('true')
const falseBytes = new TextEncoder().encode('false')
const escapes: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }

/**
 * Reads JSON from bytes, with what XAPI adds to it: bare `NaN`, `Infinity` and `-Infinity`, floats that end with a point, integers of 64 bits
 * (`bigint` beyond 2^53). Invalid UTF-8 becomes U+FFFD. It never looks at the same byte twice but for equal strings, which it makes once.
 */
export class JsonCursor {
  #bytes: Buffer = Buffer.alloc(0)
  /** The same bytes, to look at four at a time. */
  #view: DataView = new DataView(new ArrayBuffer(0))
  #at = 0
  #end = 0
  #final = false
  #repeats = 0
  readonly #strings: StringTable

  constructor(strings: StringTable = new StringTable()) {
    this.#strings = strings
  }

  /** Goes on with these bytes, of which nothing is read yet. `final`: there will be no more. */
  feed(bytes: Buffer, final: boolean): void {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    this.#at = 0
    this.#end = bytes.length
    this.#final = final
  }

  /** Where the next byte is read. Setting it goes back after a {@link shortage}. */
  get at(): number {
    return this.#at
  }

  set at(position: number) {
    this.#at = position
  }

  /** How many shared strings were seen before. */
  get repeats(): number {
    return this.#repeats
  }

  get bytes(): Buffer {
    return this.#bytes
  }

  get view(): DataView {
    return this.#view
  }

  /** The next byte that is not blank, without taking it; -1 at the end of the document. */
  peek(): number {
    while (this.#at < this.#end) {
      const byte = this.#bytes[this.#at] ?? 0
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return byte
      this.#at++
    }
    if (!this.#final) throw shortage
    return -1
  }

  /** Takes `byte`, which must be next. */
  expect(byte: number): void {
    if (this.peek() !== byte) throw this.unexpected(`"${String.fromCharCode(byte)}"`)
    this.#at++
  }

  /** After an item of a container: whether another one follows. Takes the comma, or the end mark. */
  more(endMark: number): boolean {
    const byte = this.peek()
    if (byte !== comma && byte !== endMark) throw this.unexpected(`"," or "${String.fromCharCode(endMark)}"`)
    this.#at++
    return byte === comma
  }

  /** After the opening mark: whether the container is empty. Takes the end mark if it is. */
  empty(endMark: number): boolean {
    if (this.peek() !== endMark) return false
    this.#at++
    return true
  }

  /** Takes `expected` if exactly these bytes come next. */
  skipExact(expected: Uint8Array): boolean {
    const start = this.#at
    if (start + expected.length > this.#end) {
      if (!this.#final) throw shortage
      return false
    }
    const bytes = this.#bytes
    for (let i = 0; i < expected.length; i++) if (bytes[start + i] !== expected[i]) return false
    this.#at = start + expected.length
    return true
  }

  /** A member's name and its colon. */
  key(): string {
    const name = this.string(true)
    this.expect(colon)
    return name
  }

  /** A string. `shared`: equal ones are made once; for text that is likely to come again. */
  string(shared: boolean): string {
    if (this.peek() !== quote) throw this.unexpected('text')
    const bytes = this.#bytes
    const view = this.#view
    const start = this.#at + 1
    const wordsEnd = this.#end - 4
    let hash = 0
    let i = start
    for (; i <= wordsEnd; i += 4) {
      const word = view.getInt32(i, true)
      if (hasMark(word)) break
      hash = Math.imul(hash ^ word, 0x9e3779b1)
      hash ^= hash >>> 15
    }
    for (; i < this.#end; i++) {
      const byte = bytes[i] ?? 0
      if (byte === quote) {
        this.#at = i + 1
        return shared ? this.#sharedText(start, i, hash) : bytes.toString('latin1', start, i)
      }
      if (byte === backslash || byte >= 0x80) return this.#longString(start, i)
      hash = (Math.imul(hash, 31) + byte) | 0
    }
    throw this.#cutOff()
  }

  /** Takes a string that nobody asks for. */
  skipString(): void {
    if (this.peek() !== quote) throw this.unexpected('text')
    const bytes = this.#bytes
    for (let i = this.#at + 1; i < this.#end; i++) {
      const byte = bytes[i] ?? 0
      if (byte === backslash) return void this.string(false)
      if (byte !== quote) continue
      this.#at = i + 1
      return
    }
    throw this.#cutOff()
  }

  #sharedText(start: number, end: number, hash: number): string {
    const known = this.#strings.lookup(this.#bytes, start, end, hash)
    if (known !== undefined) {
      this.#repeats++
      return known
    }
    const text = this.#bytes.toString('latin1', start, end)
    this.#strings.add(text, hash)
    return text
  }

  /** A string with escapes or beyond ASCII. */
  #longString(start: number, from: number): string {
    let escaped = false
    for (let i = from; i < this.#end; i++) {
      const byte = this.#bytes[i]
      if (byte === backslash) {
        escaped = true
        i++
      } else if (byte === quote) {
        this.#at = i + 1
        const text = this.#bytes.toString('utf8', start, i)
        return escaped ? this.#unescape(text) : text
      }
    }
    throw this.#cutOff()
  }

  #unescape(text: string): string {
    return text.replaceAll(/\\(u[\da-f]{4}|[^])/gi, (_, mark: string) => {
      if (mark.length === 5) return String.fromCharCode(Number.parseInt(mark.slice(1), 16))
      const plain = escapes[mark] ?? ('"\\/'.includes(mark) ? mark : undefined)
      if (plain === undefined) throw new Mismatch('an escape of JSON', undefined, JSON.stringify(`\\${mark}`))
      return plain
    })
  }

  /** A number, or `undefined` (and nothing taken) when it is not a plain integer of at most 15 digits. */
  tryInteger(): number | undefined {
    let at = this.#at
    const negative = this.peek() === minus
    if (negative) at = ++this.#at
    at = this.#at
    const start = negative ? at - 1 : at
    const limit = Math.min(this.#end, at + 16)
    let value = 0
    let byte = -1
    for (; at < limit; at++) {
      byte = this.#bytes[at] ?? 0
      if (byte < 0x30 || byte > 0x39) break
      value = value * 10 + byte - 0x30
    }
    // Only a comma or an end mark right after it makes sure that the number ends here.
    if (at === limit || at === this.#at || (byte !== comma && byte !== closeBrace && byte !== closeBracket)) {
      this.#at = start
      return undefined
    }
    this.#at = at
    return negative ? 0 - value : value
  }

  /** `true` or `false`; `undefined` (and nothing taken) for anything else. */
  tryBoolean(): boolean | undefined {
    const first = this.peek()
    // What follows is judged by what reads on.
    if (first === 0x74 && this.skipExact(trueBytes)) return true
    if (first === 0x66 && this.skipExact(falseBytes)) return false
    return undefined
  }

  /** Any value: objects, arrays, strings, numbers, `true`, `false`, `null`. */
  any(depth = 0): unknown {
    const byte = this.peek()
    if (byte === quote) return this.string(false)
    if (byte === openBrace) return this.#object(depth)
    if (byte === openBracket) return this.#array(depth)
    return this.tryInteger() ?? this.#word()
  }

  #object(depth: number): Record<string, unknown> {
    this.#checkDepth(depth)
    this.#at++
    const members: Record<string, unknown> = {}
    if (this.empty(closeBrace)) return members
    do {
      setMember(members, this.key(), this.any(depth + 1))
    } while (this.more(closeBrace))
    return members
  }

  #array(depth: number): unknown[] {
    this.#checkDepth(depth)
    this.#at++
    const items: unknown[] = []
    if (this.empty(closeBracket)) return items
    do {
      items.push(this.any(depth + 1))
    } while (this.more(closeBracket))
    return items
  }

  #checkDepth(depth: number): void {
    if (depth > maxDepth) throw new Mismatch(`at most ${maxDepth} levels`, undefined, 'deeper nesting')
  }

  /** A number of any form, or one of the words. */
  #word(): unknown {
    this.peek()
    const start = this.#at
    let at = start
    while (at < this.#end && isWordByte(this.#bytes[at] ?? 0)) {
      if (++at - start > 400) break
    }
    if (at === this.#end && !this.#final) throw shortage
    const text = this.#bytes.toString('latin1', start, at)
    const value = wordValue(text)
    if (value === undefined) throw this.unexpected('a value')
    this.#at = at
    return value
  }

  /** What is said about the bytes that come next when they are not what was expected. */
  unexpected(expected: string): Mismatch {
    if (this.#at >= this.#end) return new Mismatch(expected, undefined, 'the end')
    const text = this.#bytes.toString('utf8', this.#at, Math.min(this.#end, this.#at + 40))
    return new Mismatch(expected, undefined, JSON.stringify(text))
  }

  /** The bytes end inside a string: to be tried again with more, unless there are no more. */
  #cutOff(): Error {
    if (!this.#final) return shortage
    this.#at = this.#end
    return new Mismatch('the end of a string', undefined, 'the end')
  }
}

/** Whether one of four bytes is a quote, a backslash or beyond ASCII. Bytes that match become zero, and a borrow tells of a zero. */
function hasMark(word: number): boolean {
  const quotes = word ^ 0x22222222
  const backslashes = word ^ 0x5c5c5c5c
  const marks = ((quotes - 0x01010101) & ~quotes) | ((backslashes - 0x01010101) & ~backslashes) | word
  return (marks & 0x80808080) !== 0
}

/** Letters, digits, `+`, `-` and `.`: what numbers and words are made of. */
function isWordByte(byte: number): boolean {
  const lower = byte | 0x20
  return (
    (byte >= 0x30 && byte <= 0x39) ||
    (lower >= 0x61 && lower <= 0x7a) ||
    byte === 0x2b ||
    byte === minus ||
    byte === 0x2e
  )
}

function wordValue(text: string): unknown {
  if (text === 'null') return null
  if (text === 'true') return true
  if (text === 'false') return false
  if (!/^-?(?:\d|nan|inf)/i.test(text)) return undefined
  return parseInteger(text) ?? parseFloatText(text)
}
