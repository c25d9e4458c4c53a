import { parseDatetime } from '../values/datetime.ts'
import { decode } from '../values/decode.ts'
import { inside, Mismatch } from '../values/mismatch.ts'
import { emptyMap, emptySet, nullRef, setMember } from '../values/plain.ts'
import { classOfEvent, fieldsOf, typeText } from '../values/schema.ts'
import type { XapiType } from '../values/type.ts'
import type { JsonCursor } from './json-cursor.ts'
import { LastObject } from './last-object.ts'
import { SharedValues } from './shared-values.ts'

/** Reads one value of a type from the cursor. `owner` is the record that it is a field of, as far as it is read. */
export type JsonDecoder = (cursor: JsonCursor, owner?: Readonly<Record<string, unknown>>) => unknown

const quote = 0x22
const openBrace = 0x7b
const closeBrace = 0x7d
const openBracket = 0x5b
const closeBracket = 0x5d
const learners: ReadonlySet<string> = new Set(['string', 'datetime', 'set', 'map'])
/** How many record layouts are remembered for one class; a host sends one, two at the most. */
const maxShapes = 32
/** Fewest members of an object that is compared with the one before. The event around a record has fewer. */
const minCompared = 8

/**
 * Makes decoders that read bytes straight into values, as `decode` would from parsed JSON: whatever does not look as expected is handed to
 * `decode`, so that both always agree. They learn from what they read, so make them anew for each answer.
 */
export class JsonDecoders {
  readonly #made = new Map<string, JsonDecoder>()
  /** By the class in an event, as it is written there. */
  readonly #snapshots = new Map<string, JsonDecoder>()
  readonly #briefEvents: boolean

  /** @param options `briefEvents`: an event's `id` and `timestamp`, which say nothing, are left `undefined` */
  constructor({ briefEvents = false }: { briefEvents?: boolean } = {}) {
    this.#briefEvents = briefEvents
  }

  /** The decoder of a type. */
  of(type: XapiType): JsonDecoder {
    const name = typeText(type)
    let decoder = this.#made.get(name)
    if (!decoder) this.#made.set(name, (decoder = this.#make(type)))
    return decoder
  }

  #make(type: XapiType): JsonDecoder {
    switch (type.kind) {
      case 'any':
        return (cursor) => cursor.any()
      case 'void':
      case 'option':
        return (cursor) => decode(type, cursor.any())
      case 'string':
        return stringDecoder(type)
      case 'enum':
        return (cursor) => (cursor.peek() === quote ? cursor.string(true) : decode(type, cursor.any()))
      case 'ref':
        return (cursor) => (cursor.peek() === quote ? reference(cursor.string(true)) : decode(type, cursor.any()))
      case 'int':
      case 'float':
        return (cursor) => cursor.tryInteger() ?? decode(type, cursor.any())
      case 'bool':
        return (cursor) => cursor.tryBoolean() ?? decode(type, cursor.any())
      case 'datetime':
        return datetimeDecoder(type)
      case 'set':
        return this.#set(type)
      case 'map':
        return this.#map(type)
      case 'record':
        return this.#record(type)
    }
  }

  #set(type: XapiType & { kind: 'set' }): JsonDecoder {
    const item = this.of(type.of)
    const isRef = type.of.kind === 'ref'
    const read: JsonDecoder = (cursor) => {
      cursor.expect(openBracket)
      if (cursor.empty(closeBracket)) return emptySet
      const values: unknown[] = []
      let index = 0
      do {
        try {
          const value = item(cursor)
          if (value !== null || !isRef) values.push(value)
        } catch (error) {
          throw inside(error, index)
        }
        index++
      } while (cursor.more(closeBracket))
      return values.length === 0 ? emptySet : values
    }
    const checked: JsonDecoder = (cursor) => (cursor.peek() === openBracket ? read(cursor) : decode(type, cursor.any()))
    return type.of.kind === 'enum' || type.of.kind === 'string' ? shared(checked) : checked
  }

  #map(type: XapiType & { kind: 'map' }): JsonDecoder {
    const value = this.of(type.value)
    if (type.key.kind === 'ref') return (cursor) => readMap(cursor, type, value)
    // Some keys have the same text in every map, others never: each learns by itself.
    const read = objectDecoder(() => (type.value.kind === 'string' ? stringDecoder(type.value) : value))
    const checked: JsonDecoder = (cursor) => {
      if (cursor.peek() !== openBrace) return decode(type, cursor.any())
      return read(cursor)
    }
    return type.value.kind === 'string' || type.value.kind === 'enum' ? shared(checked) : checked
  }

  #record(type: XapiType & { kind: 'record' }): JsonDecoder {
    const fields = fieldsOf(type.class)
    const read = objectDecoder((name) => {
      const field = fields?.get(name)
      if (!field) return (cursor) => cursor.any()
      if (this.#briefEvents && type.class === 'event' && (name === 'id' || name === 'timestamp')) return skipText
      if (field.kind === 'record' && field.class === '*') return (cursor, owner) => this.#snapshot(cursor, owner)
      // What learns from the values before learns for each field by itself.
      return learners.has(field.kind) ? this.#make(field) : this.of(field)
    })
    return (cursor) => {
      if (cursor.peek() !== openBrace) return decode(type, cursor.any())
      const record = read(cursor)
      return type.class === 'event' ? finishEvent(record) : record === emptyMap ? {} : record
    }
  }

  /** The class of an event comes before its snapshot; if not, the snapshot waits as {@link RawSnapshot}. */
  #snapshot(cursor: JsonCursor, owner: Readonly<Record<string, unknown>> | undefined): unknown {
    const name = owner?.['class']
    if (name === undefined) return new RawSnapshot(cursor.any())
    if (typeof name !== 'string') return cursor.any()
    let decoder = this.#snapshots.get(name)
    if (!decoder) {
      const known = classOfEvent(name)
      decoder = this.of(known === undefined ? { kind: 'any' } : { kind: 'record', class: known })
      if (this.#snapshots.size < 1024) this.#snapshots.set(name, decoder)
    }
    return decoder(cursor)
  }
}

class RawSnapshot {
  readonly value: unknown

  constructor(value: unknown) {
    this.value = value
  }
}

function finishEvent(record: Record<string, unknown>): Record<string, unknown> {
  const snapshot = record['snapshot']
  if (!(snapshot instanceof RawSnapshot)) return record === emptyMap ? {} : record
  const name = record['class']
  const known = typeof name === 'string' ? classOfEvent(name) : undefined
  try {
    record['snapshot'] = known === undefined ? snapshot.value : decode({ kind: 'record', class: known }, snapshot.value)
  } catch (error) {
    throw inside(error, 'snapshot')
  }
  return record
}

function skipText(cursor: JsonCursor): undefined {
  if (cursor.peek() === quote) cursor.skipString()
  else decode({ kind: 'string' }, cursor.any())
}

function reference(text: string): string | null {
  return text === nullRef || text === '' ? null : text
}

/** Shares equal texts while that pays: names and uuids are all different, other fields say the same in every record. */
function stringDecoder(type: XapiType): JsonDecoder {
  const trial = 256
  let tries = 0
  let repeats = 0
  return (cursor) => {
    if (cursor.peek() !== quote) return decode(type, cursor.any())
    if (tries === trial && repeats * 4 < trial) return cursor.string(false)
    const before = cursor.repeats
    const text = cursor.string(true)
    if (tries < trial) {
      tries++
      repeats += cursor.repeats - before
    }
    return text
  }
}

function datetimeDecoder(type: XapiType): JsonDecoder {
  let before: string | undefined
  let time = 0
  return (cursor) => {
    if (cursor.peek() !== quote) return decode(type, cursor.any())
    const text = cursor.string(false)
    if (text === before) return time
    const value = parseDatetime(text)
    if (value === undefined) throw new Mismatch('a date', text)
    before = text
    time = value
    return value
  }
}

/** Makes one frozen value of equal bytes, while that pays. */
function shared(read: JsonDecoder): JsonDecoder {
  const values = new SharedValues()
  return (cursor) => values.read(cursor, read)
}

function readMap(cursor: JsonCursor, type: XapiType, value: JsonDecoder): unknown {
  if (cursor.peek() !== openBrace) return decode(type, cursor.any())
  cursor.expect(openBrace)
  const map = new Map<string, unknown>()
  if (cursor.empty(closeBrace)) return map
  do {
    const key = cursor.key()
    try {
      map.set(key, value(cursor))
    } catch (error) {
      throw inside(error, key)
    }
  } while (cursor.more(closeBrace))
  return map
}

/** The members that an object had, in their order on the wire. The next one is likely to have the same. */
interface Shape {
  readonly names: readonly string[]
  /** The bytes from the end of the value before to the beginning of the member's own: `,"name":`, with the blanks that this host writes. */
  readonly marks: readonly Uint8Array[]
  readonly decoders: readonly JsonDecoder[]
  /** Copied for each object, so that all of a class have one hidden class with all members inside the object. */
  readonly template: Readonly<Record<string, unknown>>
  /** The object before, for those with enough members to make the comparison pay. */
  readonly last: LastObject | undefined
}

/** An object of which some members are read. */
interface Begun {
  readonly record: Record<string, unknown>
  readonly marks: Uint8Array[]
  /** Where the mark of the next member begins. */
  readonly from: number
}

/**
 * Reads objects whose members are much the same each time. An object without members is {@link emptyMap}.
 *
 * @param decoderOf the decoder of a member
 */
function objectDecoder(decoderOf: (name: string) => JsonDecoder): (cursor: JsonCursor) => Record<string, unknown> {
  const decoders = new Map<string, JsonDecoder>()
  let shape: Shape | undefined
  let shapes = 0

  const member = (name: string): JsonDecoder => {
    let decoder = decoders.get(name)
    if (!decoder) {
      decoder = decoderOf(name)
      if (decoders.size < 1024) decoders.set(name, decoder)
    }
    return decoder
  }

  /** The members from here on one by one; then remembers the shape. */
  const readRest = (cursor: JsonCursor, { record, marks, from }: Begun): Record<string, unknown> => {
    let start = from
    do {
      const name = cursor.key()
      cursor.peek()
      if (shapes < maxShapes) marks.push(Uint8Array.from(cursor.bytes.subarray(start, cursor.at)))
      try {
        setMember(record, name, member(name)(cursor, record))
      } catch (error) {
        throw inside(error, name)
      }
      start = cursor.at
    } while (cursor.more(closeBrace))
    if (shapes < maxShapes) {
      shapes++
      shape = shapeOf(record, marks, member) ?? shape
    }
    return record
  }

  /** As below, but what is byte for byte as in the object before is not read again. */
  const readCompared = (cursor: JsonCursor, { names, marks, decoders: members }: Shape, last: LastObject) => {
    last.begin(cursor)
    for (let i = last.takeOver(cursor, 0); i < names.length; i = last.takeOver(cursor, i + 1)) {
      last.start(cursor, i)
      // The lists are as long as the names.
      if (!cursor.skipExact(marks[i] as Uint8Array)) {
        const begun = { record: firstMembers(last.object(), names, i), marks: marks.slice(0, i), from: cursor.at }
        return i === 0 || cursor.more(closeBrace) ? readRest(cursor, begun) : begun.record
      }
      try {
        last.change(i, (members[i] as JsonDecoder)(cursor))
      } catch (error) {
        throw inside(error, names[i] ?? '')
      }
    }
    const from = cursor.at
    if (cursor.more(closeBrace)) return readRest(cursor, { record: last.object(), marks: [...marks], from })
    return last.finish(cursor)
  }

  return (cursor) => {
    cursor.expect(openBrace)
    if (cursor.empty(closeBrace)) return emptyMap
    if (!shape) return readRest(cursor, { record: {}, marks: [], from: cursor.at })
    if (shape.last) return readCompared(cursor, shape, shape.last)
    const { names, marks, decoders: members, template } = shape
    const record: Record<string, unknown> = { ...template }
    for (let i = 0; i < names.length; i++) {
      const name = names[i] ?? ''
      // The lists are as long as the names.
      if (!cursor.skipExact(marks[i] as Uint8Array)) {
        const begun = { record: firstMembers(record, names, i), marks: marks.slice(0, i), from: cursor.at }
        return i === 0 || cursor.more(closeBrace) ? readRest(cursor, begun) : begun.record
      }
      try {
        record[name] = (members[i] as JsonDecoder)(cursor, record)
      } catch (error) {
        throw inside(error, name)
      }
    }
    const from = cursor.at
    return cursor.more(closeBrace) ? readRest(cursor, { record, marks: [...marks], from }) : record
  }
}

function firstMembers(
  record: Readonly<Record<string, unknown>>,
  names: readonly string[],
  count: number,
): Record<string, unknown> {
  const members: Record<string, unknown> = {}
  for (const name of names.slice(0, count)) members[name] = record[name]
  return members
}

function shapeOf(
  record: Readonly<Record<string, unknown>>,
  marks: readonly Uint8Array[],
  member: (name: string) => JsonDecoder,
): Shape | undefined {
  const names = Object.keys(record)
  // A name that came twice, or one that looks like an index, does not stand where it came.
  if (names.length !== marks.length || names.length > 250) return undefined
  if (names.some((name) => !/^[A-Za-z][\w:.\-/]*$/.test(name))) return undefined
  // JSON.parse sizes the object for exactly these members.
  const template = JSON.parse(`{${names.map((name) => `"${name}":null`).join(',')}}`) as Record<string, unknown>
  for (const name of names) template[name] = undefined
  const last = names.length < minCompared ? undefined : new LastObject(names, template)
  return { names, marks, decoders: names.map(member), template, last }
}
