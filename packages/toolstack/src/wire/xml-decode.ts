import { parseXml, XmlElement } from '@rgrove/parse-xml'

/** A request as it came. */
export interface RpcRequest {
  readonly method: string
  readonly params: readonly unknown[]
}

/** Reads an XML-RPC call; `undefined` when the text is not one. */
export function parseXmlCall(text: string): RpcRequest | undefined {
  try {
    const root = parseXml(text).root
    if (root?.name !== 'methodCall') return undefined
    const method = child(root, 'methodName')
    if (!method) return undefined
    const params = child(root, 'params')
    const values = params ? elements(params).map((param) => child(param, 'value')) : []
    return { method: method.text.trim(), params: values.map((value) => (value ? decodeXmlValue(value) : '')) }
  } catch {
    // The parser's own words are of no use to a client: a host says as little.
    return undefined
  }
}

/** Value of a `<value>` element: text, numbers, booleans, arrays, objects, null. */
export function decodeXmlValue(value: XmlElement): unknown {
  const typed = elements(value)[0]
  if (!typed) return value.text
  switch (typed.name) {
    case 'int':
    case 'i4':
    case 'i8':
      // Kept as text: the type of the parameter decides, and 64 bits do not fit a number.
      return typed.text.trim()
    case 'double':
      return Number(typed.text)
    case 'boolean':
      return typed.text.trim() === '1'
    case 'nil':
      return null
    case 'array': {
      const data = child(typed, 'data')
      return data ? elements(data).map(decodeXmlValue) : []
    }
    case 'struct':
      return Object.fromEntries(elements(typed).map(decodeMember))
    default:
      return typed.text
  }
}

function decodeMember(member: XmlElement): [string, unknown] {
  const value = child(member, 'value')
  return [child(member, 'name')?.text ?? '', value ? decodeXmlValue(value) : '']
}

function elements(parent: XmlElement): XmlElement[] {
  return parent.children.filter((node) => node instanceof XmlElement)
}

function child(parent: XmlElement, name: string): XmlElement | undefined {
  return elements(parent).find((element) => element.name === name)
}
