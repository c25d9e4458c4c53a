/** What LVM's text format holds: numbers, strings, lists, sections. */
export type ConfigValue = number | string | readonly ConfigValue[] | ConfigSection
export type ConfigSection = ReadonlyMap<string, ConfigValue>

const token = /\s*(?:#[^\n]*\n\s*)*(?:("(?:[^"\\]|\\.)*")|(-?\d+)|([A-Za-z_][\w.+/-]*|[\w.+-]+)|([{}=,[\]]))/y
/** Sections inside of each other. */
const deepest = 16

/** Reads `name { key = value … }`. @throws SyntaxError */
export function parseConfig(text: string): ConfigSection {
  const tokens = new Tokens(text)
  return section(tokens, 0)
}

class Tokens {
  readonly #text: string
  #at = 0
  #next: string | undefined

  constructor(text: string) {
    this.#text = text
  }

  peek(): string | undefined {
    this.#next ??= this.#read()
    return this.#next
  }

  take(): string | undefined {
    const taken = this.peek()
    this.#next = undefined
    return taken
  }

  expect(wanted: string): void {
    const found = this.take()
    if (found !== wanted) throw new SyntaxError(`"${wanted}" is expected, and "${found ?? 'the end'}" is there`)
  }

  #read(): string | undefined {
    token.lastIndex = this.#at
    const found = token.exec(this.#text)
    if (found) {
      this.#at = token.lastIndex
      return found[0].replace(/^\s*(?:#[^\n]*\n\s*)*/, '')
    }
    const rest = this.#text
      .slice(this.#at)
      .replaceAll(/#[^\n]*/g, '')
      .trim()
    if (rest !== '') throw new SyntaxError(`"${rest.slice(0, 20)}" is not understood`)
    return undefined
  }
}

function section(tokens: Tokens, depth: number): ConfigSection {
  if (depth > deepest) throw new SyntaxError('sections are too deep')
  const entries = new Map<string, ConfigValue>()
  for (let name = tokens.peek(); name !== undefined && name !== '}'; name = tokens.peek()) {
    tokens.take()
    if (tokens.peek() === '{') {
      tokens.take()
      entries.set(name, section(tokens, depth + 1))
      tokens.expect('}')
    } else {
      tokens.expect('=')
      entries.set(name, value(tokens))
    }
  }
  return entries
}

function value(tokens: Tokens): ConfigValue {
  const first = tokens.take()
  if (first === undefined) throw new SyntaxError('a value is missing')
  if (first !== '[') return scalar(first)
  const list: ConfigValue[] = []
  while (tokens.peek() !== ']') {
    const item = tokens.take()
    if (item === undefined) throw new SyntaxError('a list has no end')
    if (item !== ',') list.push(scalar(item))
  }
  tokens.take()
  return list
}

function scalar(text: string): ConfigValue {
  if (text.startsWith('"')) return text.slice(1, -1).replaceAll(/\\(.)/g, '$1')
  return /^-?\d+$/.test(text) ? Number(text) : text
}
