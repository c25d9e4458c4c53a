import { xapiErrors } from '../errors.ts'
import { forbiddenCharacter } from './xml-characters.ts'

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }
const declaration =
  /^<\?xml\s+version\s*=\s*(?:"1\.\d"|'1\.\d')(?:\s+encoding\s*=\s*(?:"[A-Za-z][\w.-]*"|'[A-Za-z][\w.-]*'))?(?:\s+standalone\s*=\s*(?:"(?:yes|no)"|'(?:yes|no)'))?\s*\?>/g
const blank = /^[ \t\r\n]*$/

/**
 * Reads the subset of XML that XML-RPC needs: elements without attributes, text, the five entities, character references, CDATA, comments.
 * There are no document types, so no entity can be defined, let alone expand.
 */
export class XmlScanner {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    // A byte order mark is no part of the document.
    this.#text = text.startsWith('\ufeff') ? text.slice(1) : text
    const bad = this.#text.search(forbiddenCharacter)
    if (bad >= 0)
      this.#fail(`the character U+${this.#text.charCodeAt(bad).toString(16).padStart(4, '0')} is not allowed`, bad)
    if (!this.#text.isWellFormed()) this.#fail('half of a surrogate pair', 0)
  }

  /** Throws `xapi.bad_xml` that says where. */
  fail(reason: string): never {
    this.#fail(reason, this.#at)
  }

  #fail(reason: string, at: number): never {
    throw xapiErrors.bad_xml({ reason, at })
  }

  /** Passes over the XML declaration, blanks and comments before the root. */
  prolog(): void {
    declaration.lastIndex = 0
    if (declaration.test(this.#text)) this.#at = declaration.lastIndex
    this.blanks()
  }

  /** Passes over blanks and comments. */
  blanks(): void {
    if (!blank.test(this.text())) this.fail('text where only elements are allowed')
  }

  /** Nothing but blanks and comments may follow. */
  end(): void {
    this.blanks()
    if (this.#at < this.#text.length) this.fail('more after the end of the document')
  }

  /** Opens `<name>` if it is next: `open`; `empty` for `<name/>`, which is closed already. */
  tryOpen(name: string): 'open' | 'empty' | undefined {
    const { name: found, after } = this.#peek()
    if (found !== name) return undefined
    this.#at = after
    return this.#endOfTag()
  }

  /** Opens `<name>`, which must be next. */
  open(name: string): 'open' | 'empty' {
    return this.tryOpen(name) ?? this.fail(`expected <${name}>`)
  }

  /** Opens whatever element is next. */
  openAny(): { readonly name: string; readonly form: 'open' | 'empty' } {
    const { name, after } = this.#peek()
    if (name === undefined || name === '') this.fail('expected an element')
    this.#at = after
    return { name, form: this.#endOfTag() }
  }

  /** Whether an end tag is next. */
  get closing(): boolean {
    return this.#text.startsWith('</', this.#at)
  }

  /** Closes `</name>`, which must be next. */
  close(name: string): void {
    if (!this.#text.startsWith(`</${name}`, this.#at)) this.fail(`expected </${name}>`)
    this.#at += name.length + 2
    this.#spaces()
    if (this.#text[this.#at] !== '>') this.fail(`expected </${name}>`)
    this.#at++
  }

  /** The text up to the next tag, with references resolved and comments left out. */
  text(): string {
    let text = ''
    for (;;) {
      const next = this.#text.indexOf('<', this.#at)
      const end = next < 0 ? this.#text.length : next
      if (end > this.#at) text += this.#resolve(this.#at, end)
      this.#at = end
      if (this.#text.startsWith('<!--', end)) this.#comment()
      else if (this.#text.startsWith('<![CDATA[', end)) text += this.#cdata()
      else return text
    }
  }

  #resolve(start: number, end: number): string {
    const raw = this.#text.slice(start, end)
    if (raw.includes(']]>')) this.#fail(']]> in text', start + raw.indexOf(']]>'))
    const lines = raw.includes('\r') ? raw.replaceAll(/\r\n?/g, '\n') : raw
    if (!lines.includes('&')) return lines
    return lines.replaceAll(/&([^;&]{0,12};?)/g, (_, name: string) => this.#reference(name, start))
  }

  #reference(name: string, at: number): string {
    if (!name.endsWith(';')) this.#fail('& without a reference', at)
    const body = name.slice(0, -1)
    const entity = Object.hasOwn(entities, body) ? entities[body] : undefined
    if (entity !== undefined) return entity
    const match = /^#(?:(\d{1,8})|x([\da-f]{1,6}))$/i.exec(body)
    const code = match ? Number.parseInt(match[1] ?? match[2] ?? '', match[1] === undefined ? 16 : 10) : Number.NaN
    const character = code <= 0x10_ffff ? String.fromCodePoint(code) : ''
    if (character === '' || body.startsWith('#X') || forbiddenCharacter.test(character) || !character.isWellFormed())
      this.#fail(`unknown reference &${name}`, at)
    return character
  }

  #comment(): void {
    const end = this.#find('--', 'a comment', this.#at + 4)
    if (this.#text[end + 2] !== '>') this.#fail('-- in a comment', end)
    this.#at = end + 3
  }

  #cdata(): string {
    const start = this.#at + 9
    const end = this.#find(']]>', 'a CDATA section')
    this.#at = end + 3
    return this.#text.slice(start, end).replaceAll(/\r\n?/g, '\n')
  }

  #find(mark: string, what: string, from = this.#at): number {
    const found = this.#text.indexOf(mark, from)
    return found >= 0 ? found : this.fail(`${what} that does not end`)
  }

  /** The name of the start tag that is next, if one is. */
  #peek(): { readonly name: string | undefined; readonly after: number } {
    if (this.#text[this.#at] !== '<') return { name: undefined, after: this.#at }
    let after = this.#at + 1
    while (isNameCharacter(this.#text.charCodeAt(after))) after++
    return { name: this.#text.slice(this.#at + 1, after), after }
  }

  #endOfTag(): 'open' | 'empty' {
    this.#spaces()
    const empty = this.#text[this.#at] === '/'
    if (empty) this.#at++
    if (this.#text[this.#at] !== '>') this.fail('a tag with attributes, or one that does not end')
    this.#at++
    return empty ? 'empty' : 'open'
  }

  #spaces(): void {
    while (' \t\r\n'.includes(this.#text[this.#at] ?? 'x')) this.#at++
  }
}

/** Letters, digits, `.`, `_`, `-` and `:`; more than XML-RPC uses. NaN (the end of the text) is none. */
function isNameCharacter(code: number): boolean {
  const lower = code | 0x20
  return (lower >= 0x61 && lower <= 0x7a) || (code >= 0x2d && code <= 0x3a && code !== 0x2f) || code === 0x5f
}
