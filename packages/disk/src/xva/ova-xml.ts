import { isRecord, messageOf } from '@nixen/core'
import { parseXml, XmlElement, XmlText, XmlCdata, type XmlNode } from '@rgrove/parse-xml'
import { xvaErrors } from './errors.ts'

/** What a disk needs to know about a VDI in ova.xml. The full records are for whoever imports the VM. */
export interface XvaDiskInfo {
  /** Folder of its chunks: `Ref:n`. */
  readonly ref: string
  readonly uuid: string
  readonly name: string
  /** Virtual size in bytes. */
  readonly size: number
}

/** Longest ova.xml that is taken: records of thousands of snapshots fit. */
export const maxOvaXml: number = 32 * 1024 * 1024

type Value = string | readonly Value[] | { readonly [name: string]: Value }

/** The VDIs that ova.xml describes, in the order of their refs as text, which is the order of the file. */
export function disksOfOvaXml(ovaXml: string, path = 'The XVA'): XvaDiskInfo[] {
  const broken = (problem: string): Error => xvaErrors.metadata({ path, problem })
  const root = decode(ovaXml, path)
  const objects = isRecord(root) ? root['objects'] : undefined
  if (!Array.isArray(objects)) throw broken('it has no list of objects')
  const disks: XvaDiskInfo[] = []
  for (const object of objects as readonly unknown[]) {
    if (!isRecord(object) || object['class'] !== 'VDI') continue
    const { id, snapshot } = object
    const record = isRecord(snapshot) ? snapshot : {}
    const size = Number(record['virtual_size'])
    if (typeof id !== 'string' || !Number.isSafeInteger(size) || size < 0)
      throw broken('a VDI has no valid virtual_size')
    disks.push({ ref: id, uuid: textIn(record, 'uuid'), name: textIn(record, 'name_label'), size })
  }
  return disks.toSorted((a, b) => compareRefs(a.ref, b.ref))
}

function textIn(record: Record<string, unknown>, name: string): string {
  const value = record[name]
  return typeof value === 'string' ? value : ''
}

/** The order of disks in the file: that of the text, so that Ref:10 comes before Ref:9. */
export function compareRefs(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function decode(ovaXml: string, path: string): Value {
  try {
    const { root } = parseXml(ovaXml)
    if (!root) throw new Error('it is empty')
    return valueOf(root)
  } catch (error) {
    // Nesting beyond the stack ends up here too.
    throw xvaErrors.metadata({ path, problem: messageOf(error) }, { cause: error })
  }
}

/** An XML-RPC `<value>`: numbers stay text, as XAPI writes 64-bit numbers as text anyway. */
function valueOf(value: XmlElement): Value {
  const typed = elements(value)[0]
  if (!typed) return textOf(value)
  if (typed.name === 'struct') {
    // Without a prototype: members may have any name.
    const members: Record<string, Value> = Object.create(null) as Record<string, Value>
    for (const member of elements(typed)) {
      const [name, content] = elements(member)
      if (name && content) members[textOf(name)] = valueOf(content)
    }
    return members
  }
  if (typed.name === 'array') return elements(typed).flatMap((data) => elements(data).map((item) => valueOf(item)))
  return textOf(typed)
}

function elements(parent: XmlElement): XmlElement[] {
  return parent.children.filter((child: XmlNode): child is XmlElement => child instanceof XmlElement)
}

function textOf(element: XmlElement): string {
  return element.children
    .map((child) => (child instanceof XmlText || child instanceof XmlCdata ? child.text : ''))
    .join('')
}
