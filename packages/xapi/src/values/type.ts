/** A type of the data model, read from its text form (`map(ref:VM,record:VM)`). */
export type XapiType =
  | { readonly kind: 'string' | 'int' | 'float' | 'bool' | 'datetime' | 'void' | 'any' }
  | { readonly kind: 'enum'; readonly name: string }
  | { readonly kind: 'ref'; readonly class: string }
  | { readonly kind: 'record'; readonly class: string }
  | { readonly kind: 'set'; readonly of: XapiType }
  | { readonly kind: 'option'; readonly of: XapiType }
  | { readonly kind: 'map'; readonly key: XapiType; readonly value: XapiType }

const simple: Readonly<Record<string, XapiType>> = {
  string: { kind: 'string' },
  // A string that must not be logged; on the wire there is no difference.
  secret: { kind: 'string' },
  int: { kind: 'int' },
  float: { kind: 'float' },
  bool: { kind: 'bool' },
  datetime: { kind: 'datetime' },
  void: { kind: 'void' },
  // Not in the data model: a value without a type, kept as it came.
  any: { kind: 'any' },
}
const parsed = new Map<string, XapiType>()

/**
 * Parses the grammar of the data model: `string secret int float bool datetime void enum:N ref:C record:C set(T) map(T,T) option(T)`. Throws a
 * `SyntaxError` for anything else. Results are shared.
 */
export function parseType(text: string): XapiType {
  const known = parsed.get(text)
  if (known) return known
  const reader = { text, at: 0 }
  const type = readType(reader)
  if (reader.at !== text.length) throw new SyntaxError(`Not a type: ${text}`)
  parsed.set(text, type)
  return type
}

interface Reader {
  readonly text: string
  at: number
}

function readType(reader: Reader): XapiType {
  const word = readWord(reader)
  const plain = simple[word]
  if (plain && Object.hasOwn(simple, word)) return plain
  const [family, name] = word.split(':', 2)
  if (name && family === 'enum') return { kind: 'enum', name }
  if (name && (family === 'ref' || family === 'record')) return { kind: family, class: name }
  if (word !== 'set' && word !== 'option' && word !== 'map') throw new SyntaxError(`Not a type: ${reader.text}`)
  expect(reader, '(')
  const first = readType(reader)
  if (word === 'map') {
    expect(reader, ',')
    const value = readType(reader)
    expect(reader, ')')
    return { kind: 'map', key: first, value }
  }
  expect(reader, ')')
  return { kind: word, of: first }
}

function readWord(reader: Reader): string {
  const start = reader.at
  while (reader.at < reader.text.length && !'(),'.includes(reader.text.charAt(reader.at))) reader.at++
  return reader.text.slice(start, reader.at)
}

function expect(reader: Reader, mark: string): void {
  if (reader.text[reader.at++] !== mark) throw new SyntaxError(`Not a type: ${reader.text}`)
}
