import fc from 'fast-check'
import { isAppError } from '@nixen/core'
import { describe, expect, test } from 'vitest'
import { chosenProcedures, readProtocol, typeName } from '../scripts/gen/model.ts'
import { shapeOf, type Shape } from '../scripts/gen/shape.ts'
import * as generated from '../src/generated/types.ts'
import type { Codec } from '../src/wire/codec.ts'
import { XdrReader } from '../src/wire/xdr-reader.ts'
import { XdrWriter } from '../src/wire/xdr-writer.ts'

const protocol = readProtocol()
const types = new Map(protocol.types.map((type) => [type.name, type]))
const names = [
  ...new Set(
    chosenProcedures(protocol)
      .flatMap(({ args, ret }) => [args, ret])
      .filter((name) => name !== null),
  ),
  ...protocol.procedures
    .filter(({ event, program }) => event && program !== 'keepalive')
    .flatMap(({ msg }) => msg ?? []),
]
// The generated module has a codec of each name.
const codecs = generated as unknown as Readonly<Record<string, Codec<unknown>>>

function codecOf(name: string): Codec<unknown> {
  const found = codecs[typeName(name)]
  if (!found) throw new Error(`no codec of ${name}`)
  return found
}

/** Any value that a shape can hold, small. */
function valueOf(shape: Shape): fc.Arbitrary<unknown> {
  switch (shape.kind) {
    case 'number':
      return shape.call === 'int'
        ? fc.integer()
        : shape.call === 'uint'
          ? fc.nat(0xff_ff_ff_ff)
          : fc.double({ noNaN: true })
    case 'bigint':
      return shape.call === 'hyper' ? fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n) : fc.bigInt(0n, 2n ** 64n - 1n)
    case 'uuid':
      return fc.uuid()
    case 'string':
      return fc.string({ unit: 'grapheme', maxLength: 6 }).map((text) => text.replaceAll('\0', ''))
    case 'bytes':
      return fc.uint8Array(shape.fixed ? { minLength: shape.length, maxLength: shape.length } : { maxLength: 6 })
    case 'array':
      return fc.array(
        valueOf(shape.of),
        shape.fixed ? { minLength: shape.length, maxLength: shape.length } : { maxLength: Math.min(3, shape.length) },
      )
    case 'optional':
      return fc.option(valueOf(shape.of), { nil: undefined })
    case 'named':
      return structOf(shape.name)
  }
}

function structOf(name: string): fc.Arbitrary<unknown> {
  const entry = types.get(name)
  if (entry?.kind === 'struct') {
    const shapes = entry.fields.map((field) => [field.name, valueOf(shapeOf(field, types))] as const)
    return fc.record(Object.fromEntries(shapes.map(([field, value]) => [jsName(field), value])))
  }
  if (entry?.kind !== 'union') throw new Error(`${name} is neither a struct nor a union`)
  const arms = entry.arms.map((arm) =>
    fc.record({
      type: fc.constant((arm.caseConst.split('_').at(-1) ?? '').toLowerCase()),
      value: valueOf(shapeOf(arm.field, types)),
    }),
  )
  return fc.oneof(...arms)
}

const jsName = (name: string): string =>
  name.replaceAll(/_+([a-z0-9])/gi, (_, letter: string) => letter.toUpperCase()).replace(/ID$/, 'Id')

function written(codec: Codec<unknown>, value: unknown): Buffer {
  const writer = new XdrWriter(8)
  codec.write(writer, value)
  return Buffer.from(writer.bytes())
}

describe('codecs of all procedures and events', () => {
  test(`read what they wrote: ${names.length} types`, () => {
    for (const name of names) {
      const codec = codecOf(name)
      fc.assert(
        fc.property(structOf(name), (value) => {
          const reader = new XdrReader(written(codec, value))
          expect(codec.read(reader)).toEqual(value)
          reader.end()
        }),
        { numRuns: 8 },
      )
    }
  })

  test('answer bytes that are cut off or wrong with libvirt.bad_xdr, and nothing else', () => {
    for (const name of names) {
      const codec = codecOf(name)
      fc.assert(
        fc.property(structOf(name), fc.nat(), fc.uint8Array({ maxLength: 80 }), (value, cut, noise) => {
          const whole = written(codec, value)
          const broken = [whole.subarray(0, cut % (whole.length + 1)), Buffer.from(noise), spoiled(whole, cut)]
          for (const bytes of broken) expect(outcome(codec, bytes)).toMatch(/^(read|libvirt\.bad_xdr)$/)
        }),
        { numRuns: 6 },
      )
    }
  })
})

function spoiled(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes)
  if (copy.length > 0) copy[at % copy.length] = 0xff
  return copy
}

function outcome(codec: Codec<unknown>, bytes: Buffer): string {
  try {
    codec.read(new XdrReader(bytes))
    return 'read'
  } catch (error) {
    return isAppError(error) ? error.code : String(error)
  }
}

describe('XDR', () => {
  test('has the bytes of RFC 4506', () => {
    const writer = new XdrWriter(4)
    writer.int(-2)
    writer.uint(0xff_ff_ff_fe)
    writer.hyper(-1n)
    writer.string('ä', 10)
    writer.opaque(Uint8Array.of(1, 2, 3, 4, 5), 5)
    writer.optional(undefined, () => undefined)
    writer.wide(Uint8Array.of(0x41, 0x80), 4)
    expect(writer.bytes().toString('hex')).toBe(
      [
        'fffffffe',
        'fffffffe',
        'ffffffffffffffff',
        '00000002c3a40000',
        '000000050102030405000000',
        '00000000',
        '00000002',
        '00000041',
        'ffffff80',
      ].join(''),
    )
  })

  test.each([
    ['an integer that does not fit', (writer: XdrWriter) => writer.int(2 ** 31)],
    ['half a number', (writer: XdrWriter) => writer.uint(0.5)],
    ['text that is too long', (writer: XdrWriter) => writer.string('abc', 2)],
    ['text with a zero character', (writer: XdrWriter) => writer.string('a\0b', 10)],
    ['what is no uuid', (writer: XdrWriter) => writer.uuid('x')],
    ['bytes of another length', (writer: XdrWriter) => writer.opaqueFixed(new Uint8Array(3), 4)],
  ])('refuses to write %s', (_, write) => {
    expect(() => write(new XdrWriter())).toThrow(expect.objectContaining({ code: 'libvirt.bad_value' }))
  })
})
