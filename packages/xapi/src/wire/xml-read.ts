import { parseFloatText, parseInteger, setMember } from '../values/plain.ts'
import { XmlScanner } from './xml-scanner.ts'

/** Limits for a document whose sender is not trusted. */
export interface XmlLimits {
  /** Deepest nesting of structs and arrays; 64 when left out. */
  readonly maxDepth?: number
  /** Most characters; 64 Mi when left out. */
  readonly maxLength?: number
}

export interface XmlReader {
  readonly scanner: XmlScanner
  readonly maxDepth: number
}

/** Starts reading a document; `xapi.bad_xml` when it is too long. */
export function xmlReader(text: string, { maxDepth = 64, maxLength = 64 * 1024 * 1024 }: XmlLimits = {}): XmlReader {
  const scanner = new XmlScanner(text.length > maxLength ? '' : text)
  if (text.length > maxLength) scanner.fail(`${text.length} characters, more than the ${maxLength} that are read`)
  scanner.prolog()
  return { scanner, maxDepth }
}

/** Reads `<value>…</value>`. */
export function readXmlValue(reader: XmlReader, depth = 0): unknown {
  const { scanner } = reader
  if (depth > reader.maxDepth) scanner.fail(`nested deeper than ${reader.maxDepth}`)
  if (scanner.open('value') === 'empty') return ''
  const text = scanner.text()
  if (scanner.closing) {
    scanner.close('value')
    return text
  }
  if (text.trim() !== '') scanner.fail('text beside an element')
  const { name, form } = scanner.openAny()
  const value = readTyped(reader, { name, form, depth })
  scanner.blanks()
  scanner.close('value')
  return value
}

interface Element {
  readonly name: string
  readonly form: 'open' | 'empty'
  readonly depth: number
}

function readTyped(reader: XmlReader, element: Element): unknown {
  if (element.name === 'struct') return readStruct(reader, element)
  if (element.name === 'array') return readArray(reader, element)
  const { scanner } = reader
  const text = element.form === 'empty' ? '' : scanner.text()
  if (element.form === 'open') scanner.close(element.name)
  return readScalar(scanner, element.name, text)
}

function readScalar(scanner: XmlScanner, name: string, text: string): unknown {
  const plain = name === 'string' ? text : text.trim()
  switch (name) {
    case 'string':
    case 'base64':
    case 'dateTime.iso8601':
      return plain
    case 'int':
    case 'i4':
    case 'i8':
      return parseInteger(plain) ?? scanner.fail(`not an integer of 64 bits: ${plain.slice(0, 40)}`)
    case 'double':
      return parseFloatText(plain) ?? scanner.fail(`not a number: ${plain.slice(0, 40)}`)
    case 'boolean':
      return plain === '1' || plain === '0' ? plain === '1' : scanner.fail('a boolean that is not 0 or 1')
    case 'nil':
    case 'ex:nil':
      return plain === '' ? null : scanner.fail('a nil with content')
    default:
      return scanner.fail(`unknown type <${name.slice(0, 40)}>`)
  }
}

function readStruct(reader: XmlReader, { form, depth }: Element): Record<string, unknown> {
  const { scanner } = reader
  const members: Record<string, unknown> = {}
  if (form === 'empty') return members
  for (scanner.blanks(); scanner.tryOpen('member') === 'open'; scanner.blanks()) {
    scanner.blanks()
    const name = readText(scanner, 'name')
    scanner.blanks()
    setMember(members, name, readXmlValue(reader, depth + 1))
    scanner.blanks()
    scanner.close('member')
  }
  scanner.close('struct')
  return members
}

function readArray(reader: XmlReader, { form, depth }: Element): unknown[] {
  const { scanner } = reader
  const items: unknown[] = []
  if (form === 'empty') return items
  scanner.blanks()
  if (scanner.open('data') === 'open') {
    for (scanner.blanks(); !scanner.closing; scanner.blanks()) items.push(readXmlValue(reader, depth + 1))
    scanner.close('data')
  }
  scanner.blanks()
  scanner.close('array')
  return items
}

/** Text of an element that holds nothing else. */
export function readText(scanner: XmlScanner, name: string): string {
  if (scanner.open(name) === 'empty') return ''
  const text = scanner.text()
  scanner.close(name)
  return text
}
