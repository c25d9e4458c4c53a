/** What is inside an element: others, text, and what people wrote beside it. */
export type XmlContent = XmlElement | string | XmlOther
/** A comment or a processing instruction, kept as it was. */
export interface XmlOther {
  readonly raw: string
}

/** An element of a document, to be read and changed. What nobody touches is printed as it was read. */
export class XmlElement {
  readonly name: string
  readonly attributes: Map<string, string>
  readonly content: XmlContent[]

  constructor(
    name: string,
    attributes: Readonly<Record<string, string | number | undefined>> = {},
    content: readonly XmlContent[] = [],
  ) {
    this.name = name
    this.attributes = new Map()
    for (const [key, value] of Object.entries(attributes))
      if (value !== undefined) this.attributes.set(key, String(value))
    this.content = [...content]
  }

  /** The elements directly in it; those of one name, if that is given. */
  children(name?: string): XmlElement[] {
    return this.content
      .filter((one) => one instanceof XmlElement)
      .filter((one) => name === undefined || one.name === name)
  }

  /** The first element under a path of names: `find('os', 'loader')`. */
  find(...path: readonly string[]): XmlElement | undefined {
    const [name, ...rest] = path
    if (name === undefined) return this
    for (const one of this.content) if (one instanceof XmlElement && one.name === name) return one.find(...rest)
    return undefined
  }

  /** Text in it, without the blanks around; that of an element under a path. Empty when there is none. */
  text(...path: readonly string[]): string {
    const found = this.find(...path)
    return found
      ? found.content
          .filter((one) => typeof one === 'string')
          .join('')
          .trim()
      : ''
  }

  /** An attribute of it. */
  get(attribute: string): string | undefined {
    return this.attributes.get(attribute)
  }

  /** Sets an attribute; takes it away with `undefined`. */
  set(attribute: string, value: string | number | undefined): this {
    if (value === undefined) this.attributes.delete(attribute)
    else this.attributes.set(attribute, String(value))
    return this
  }

  /** Replaces all content by text. */
  setText(text: string | number): this {
    this.content.splice(0, Infinity, String(text))
    return this
  }

  /** The first element of a name, made at the end if there is none. */
  ensure(...path: readonly string[]): XmlElement {
    const [name, ...rest] = path
    return name === undefined ? this : (this.find(name) ?? this.add(new XmlElement(name))).ensure(...rest)
  }

  /** Adds an element at the end and gives it back. */
  add(child: XmlElement): XmlElement {
    this.content.push(child)
    return child
  }

  /** Takes elements away, by name or one by one. */
  remove(what: string | XmlElement): this {
    const isIt = (one: XmlContent): boolean => one === what || (one instanceof XmlElement && one.name === what)
    const left = this.content.filter((one) => !isIt(one))
    this.content.splice(0, Infinity, ...left)
    return this
  }

  /** A copy that shares nothing with it. */
  clone(): XmlElement {
    const content = this.content.map((one) => (one instanceof XmlElement ? one.clone() : one))
    return new XmlElement(this.name, Object.fromEntries(this.attributes), content)
  }

  /** The text of the document that begins with it. */
  toString(): string {
    return printXml(this)
  }
}

/** Makes an element; text and elements come after the attributes, what is `undefined` is left out. */
export function xml(
  name: string,
  attributes: Readonly<Record<string, string | number | undefined>> = {},
  ...content: readonly (XmlElement | string | number | undefined)[]
): XmlElement {
  const given = content.filter((one) => one !== undefined)
  return new XmlElement(
    name,
    attributes,
    given.map((one) => (typeof one === 'number' ? String(one) : one)),
  )
}

/** The text of an element with all that is in it. */
export function printXml(element: XmlElement): string {
  let attributes = ''
  for (const [key, value] of element.attributes) attributes += ` ${key}='${escapedAttribute(value)}'`
  const inside = element.content.map((one) =>
    one instanceof XmlElement ? printXml(one) : typeof one === 'string' ? escaped(one) : one.raw,
  )
  const body = inside.join('')
  return body === '' ? `<${element.name}${attributes}/>` : `<${element.name}${attributes}>${body}</${element.name}>`
}

const replacements: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  "'": '&apos;',
  '"': '&quot;',
}
const escaped = (text: string): string => text.replaceAll(/[&<>'"\r]/g, (letter) => replacements[letter] ?? '&#13;')
// In attributes a reader makes blanks of tabs and line ends.
const escapedAttribute = (text: string): string =>
  escaped(text).replaceAll(/[\t\n]/g, (letter) => `&#${letter.charCodeAt(0)};`)
