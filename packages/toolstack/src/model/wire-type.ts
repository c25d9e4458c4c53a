/** A type of the data model, parsed. `int` is a whole number, `datetime` is epoch milliseconds inside the toolstack. */
export type WireType =
  | { readonly kind: 'string' | 'secret' | 'int' | 'float' | 'bool' | 'datetime' | 'void' }
  | { readonly kind: 'enum'; readonly name: string; readonly values: ReadonlySet<string> }
  | { readonly kind: 'ref'; readonly class: string }
  /** `*` is the record of whatever class an event is about. */
  | { readonly kind: 'record'; readonly class: string }
  | { readonly kind: 'set'; readonly of: WireType }
  | { readonly kind: 'map'; readonly key: WireType; readonly value: WireType }
  | { readonly kind: 'option'; readonly of: WireType }
  /** Results whose shape the data model does not say; members that are `undefined` are left out. */
  | { readonly kind: 'struct'; readonly members: Readonly<Record<string, WireType>> }

/**
 * Makes a parser of the data model's type grammar (`set(ref:VM)`, `map(string,enum:vm_operations)`, …).
 *
 * @param enums the values of each enum
 */
export function typeParser(enums: ReadonlyMap<string, ReadonlySet<string>>): (text: string) => WireType {
  const known = new Map<string, WireType>()
  const parse = (text: string): WireType => {
    const before = known.get(text)
    if (before) return before
    const type = parseType(text, enums, parse)
    known.set(text, type)
    return type
  }
  return parse
}

function parseType(
  text: string,
  enums: ReadonlyMap<string, ReadonlySet<string>>,
  parse: (text: string) => WireType,
): WireType {
  switch (text) {
    case 'string':
    case 'secret':
    case 'int':
    case 'float':
    case 'bool':
    case 'datetime':
    case 'void':
      return { kind: text }
    default:
  }
  const named = /^(ref|record|enum):([\w*]+)$/.exec(text)
  if (named) return namedType(named[1] ?? '', named[2] ?? '', enums)
  const generic = /^(set|map|option)\((.*)\)$/.exec(text)
  if (!generic) throw new TypeError(`Unknown type in the data model: ${text}`)
  const inner = generic[2] ?? ''
  if (generic[1] === 'set') return { kind: 'set', of: parse(inner) }
  if (generic[1] === 'option') return { kind: 'option', of: parse(inner) }
  // Keys are never generic, so the first comma ends the key.
  const comma = inner.indexOf(',')
  return { kind: 'map', key: parse(inner.slice(0, comma)), value: parse(inner.slice(comma + 1)) }
}

function namedType(kind: string, name: string, enums: ReadonlyMap<string, ReadonlySet<string>>): WireType {
  if (kind === 'ref') return { kind: 'ref', class: name }
  if (kind === 'record') return { kind: 'record', class: name }
  const values = enums.get(name)
  if (!values) throw new TypeError(`Unknown enum in the data model: ${name}`)
  return { kind: 'enum', name, values }
}
