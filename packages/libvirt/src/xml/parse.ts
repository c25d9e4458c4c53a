import {
  parseXml as parseDocument,
  XmlCdata,
  XmlComment,
  XmlElement as ParsedElement,
  XmlProcessingInstruction,
  XmlText,
  type XmlNode,
} from '@rgrove/parse-xml'
import { messageOf } from '@nixen/core'
import { libvirtErrors } from '../errors.ts'
import { XmlElement, type XmlContent } from './element.ts'

/** A document has no more elements within each other than this. */
const maxDepth = 256

/** Reads a document; `root` is what it must begin with. @throws libvirt.bad_xml */
export function parseXml(text: string, { root }: { readonly root?: string | undefined } = {}): XmlElement {
  const what = root ?? 'a document'
  let parsed: ParsedElement | null
  try {
    parsed = parseDocument(text, { preserveComments: true }).root
  } catch (cause) {
    throw libvirtErrors.bad_xml({ what, reason: messageOf(cause).split('\n')[0] ?? 'no XML' }, { cause })
  }
  if (!parsed) throw libvirtErrors.bad_xml({ what, reason: 'there is no element in it' })
  if (root !== undefined && parsed.name !== root) {
    throw libvirtErrors.bad_xml({ what, reason: `it begins with <${parsed.name}>, not with <${root}>` })
  }
  return convert(parsed, { what, depth: 0 })
}

function convert(from: ParsedElement, { what, depth }: { what: string; depth: number }): XmlElement {
  if (depth > maxDepth)
    throw libvirtErrors.bad_xml({ what, reason: `more than ${maxDepth} elements within each other` })
  const content: XmlContent[] = []
  for (const child of from.children as readonly XmlNode[]) {
    if (child instanceof ParsedElement) content.push(convert(child, { what, depth: depth + 1 }))
    else if (child instanceof XmlText || child instanceof XmlCdata) content.push(child.text)
    else if (child instanceof XmlComment) content.push({ raw: `<!--${child.content}-->` })
    else if (child instanceof XmlProcessingInstruction) content.push({ raw: `<?${child.name} ${child.content}?>` })
  }
  return new XmlElement(from.name, from.attributes, content)
}

const units: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  bytes: 1,
  k: 1024,
  kib: 1024,
  kb: 1000,
  m: 1024 ** 2,
  mib: 1024 ** 2,
  mb: 1000 ** 2,
  g: 1024 ** 3,
  gib: 1024 ** 3,
  gb: 1000 ** 3,
  t: 1024 ** 4,
  tib: 1024 ** 4,
  tb: 1000 ** 4,
  p: 1024 ** 5,
  pib: 1024 ** 5,
  e: 1024 ** 6,
  eib: 1024 ** 6,
}

/** A size in bytes from `<memory unit='KiB'>`; `unit` is what holds where none is written. `undefined` for what is no size. */
export function sizeOf(element: XmlElement | undefined, unit: 'b' | 'KiB'): number | undefined {
  if (!element) return undefined
  const factor = units[(element.get('unit') ?? unit).toLowerCase()]
  const size = Number(element.text()) * (factor ?? NaN)
  return Number.isSafeInteger(size) && element.text() !== '' ? size : undefined
}

/** A whole number that is not negative, from an attribute or text; `undefined` for anything else. */
export function countOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined
}
