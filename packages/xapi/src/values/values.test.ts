import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeValue } from './decode.ts'
import { encodeValue } from './encode.ts'
import { emptyMap, emptySet } from './plain.ts'
import { classNames, fieldsOf, typeText } from './schema.ts'
import { parseType, type XapiType } from './type.ts'

describe('decodeValue', () => {
  test.each<[string, unknown, unknown]>([
    ['string', 'a', 'a'],
    ['secret', 'a', 'a'],
    ['enum:vm_power_state', 'Levitating', 'Levitating'],
    ['ref:VM', 'OpaqueRef:NULL', null],
    ['ref:VM', '', null],
    ['ref:VM', 'DummyRef:|x|y', 'DummyRef:|x|y'],
    ['int', 5, 5],
    ['int', '-5', -5],
    ['int', '9223372036854775807', 2n ** 63n - 1n],
    ['int', 9007199254740993n, 9007199254740993n],
    ['float', 3, 3],
    ['float', 'nan', Number.NaN],
    ['float', '-Infinity', -Infinity],
    ['float', '1.', 1],
    ['bool', false, false],
    ['datetime', '20260821T02:00:23Z', Date.UTC(2026, 7, 21, 2, 0, 23)],
    ['void', '', undefined],
    ['set(ref:VM)', ['OpaqueRef:1', 'OpaqueRef:NULL'], ['OpaqueRef:1']],
    ['set(string)', ['', 'OpaqueRef:NULL'], ['', 'OpaqueRef:NULL']],
    ['map(int,float)', { 0: '0.5' }, { 0: 0.5 }],
    ['map(ref:VDI,ref:SR)', { 'OpaqueRef:1': 'OpaqueRef:NULL' }, new Map([['OpaqueRef:1', null]])],
    ['option(string)', [], null],
    ['option(string)', ['x'], 'x'],
    ['option(string)', 'x', 'x'],
    ['record:VM', { VCPUs_max: '4', of_tomorrow: { a: 1 } }, { VCPUs_max: 4, of_tomorrow: { a: 1 } }],
    ['record:class_of_tomorrow', { a: 'OpaqueRef:NULL' }, { a: 'OpaqueRef:NULL' }],
  ])('reads %s', (type, raw, value) => expect(decodeValue(type, raw)).toEqual(value))

  test.each<[string, unknown]>([
    ['string', 1],
    ['string', null],
    ['int', '1.5'],
    ['int', '0x10'],
    ['int', 2 ** 60],
    ['int', 2n ** 63n],
    ['float', 'fast'],
    ['bool', 'true'],
    ['bool', 1],
    ['datetime', 5],
    ['set(string)', 'a'],
    ['set(string)', { 0: 'a' }],
    ['map(string,string)', ['a']],
    ['record:VM', []],
    ['ref:VM', null],
  ])('refuses %s from %s', (type, raw) => {
    expect(() => decodeValue(type, raw)).toThrow(expect.objectContaining({ code: 'xapi.bad_answer' }))
  })

  test('says where the wrong value is', () => {
    const raw = { other_config: { a: 'b', c: 3 } }
    expect(() => decodeValue('map(ref:VM,record:VM)', { r: raw }, 'VM.get_all_records()')).toThrow(
      /VM\.get_all_records\(\)\.r\.other_config\.c: expected text, got 3/,
    )
    expect(() => decodeValue('set(set(int))', [[1], [2, 'x']])).toThrow(/\[1\]\[1\]/)
  })

  test('shares empty sets and maps, which are frozen', () => {
    expect(decodeValue('set(string)', [])).toBe(emptySet)
    expect(decodeValue('map(string,string)', {})).toBe(emptyMap)
    expect(Object.isFrozen(emptySet) && Object.isFrozen(emptyMap)).toBe(true)
  })
})

describe('encodeValue', () => {
  test.each<[string, unknown, unknown]>([
    ['ref:VM', null, 'OpaqueRef:NULL'],
    ['int', -0, 0],
    ['int', 2n ** 60n, 2n ** 60n],
    ['datetime', 0, '19700101T00:00:00Z'],
    ['map(ref:VDI,ref:SR)', new Map([['a', null]]), { a: 'OpaqueRef:NULL' }],
    ['map(ref:VDI,ref:SR)', { a: 'b' }, { a: 'b' }],
    ['map(int,int)', { 1: 2 }, { 1: 2 }],
    [
      'record:VM',
      { name_label: 'x', affinity: null, tags: undefined, of_tomorrow: 7 },
      { name_label: 'x', affinity: 'OpaqueRef:NULL', of_tomorrow: 7 },
    ],
    ['record:sr_stat', { uuid: null, free_space: 1 }, { free_space: 1 }],
    ['void', undefined, ''],
  ])('writes %s', (type, value, raw) => expect(encodeValue(type, value)).toEqual(raw))

  test.each<[string, unknown, string]>([
    ['string', null, 'text'],
    ['ref:VM', 5, 'reference of VM'],
    ['int', 1.5, 'integer'],
    ['int', 2 ** 53, 'integer'],
    ['int', 2n ** 63n, 'integer'],
    ['int', '5', 'integer'],
    ['float', '5', 'number'],
    ['bool', 0, 'true or false'],
    ['datetime', '20260821T02:00:23Z', 'milliseconds'],
    ['datetime', Number.NaN, 'milliseconds'],
    ['set(string)', 'abc', 'array'],
    ['set(string)', ['a', 5], 'text'],
    ['map(string,string)', ['a'], 'object'],
    ['map(int,int)', { x: 1 }, 'integer'],
    ['record:VM', 'x', 'record of VM'],
  ])('refuses %s from %s', (type, value, expected) => {
    expect(() => encodeValue(type, value)).toThrow(
      expect.objectContaining({ code: 'xapi.bad_value', message: expect.stringContaining(expected) as string }),
    )
  })
})

describe('decoding what was encoded', () => {
  const types = [
    'string',
    'int',
    'float',
    'datetime',
    'set(set(string))',
    'map(ref:VDI,ref:SR)',
    'map(int,float)',
    'map(string,set(string))',
    'map(ref:VM,map(string,string))',
  ]

  test.each(types)('gives the value of %s back', (type) => {
    fc.assert(
      fc.property(valueOf(parseType(type)), (value) => {
        expect(decodeValue(type, encodeValue(type, value))).toEqual(value)
      }),
    )
  })

  test.each(classNames.filter((name) => name !== 'event'))('gives the record of %s back', (name) => {
    const type = `record:${name}`
    fc.assert(
      fc.property(valueOf(parseType(type)), (value) => {
        expect(decodeValue(type, encodeValue(type, value))).toEqual(value)
      }),
      { numRuns: 10 },
    )
  })
})

/** Values of ours of a type. */
function valueOf(type: XapiType): fc.Arbitrary<unknown> {
  switch (type.kind) {
    case 'any':
    case 'void':
      return fc.constant(undefined)
    case 'string':
    case 'enum':
      return fc.string({ unit: 'binary' })
    case 'ref':
      return fc.oneof(
        fc.constant(null),
        fc.uuid().map((id) => `OpaqueRef:${id}`),
      )
    case 'int':
      return fc.oneof(
        fc.maxSafeInteger().map((n) => n + 0),
        fc.bigInt({ min: 2n ** 53n, max: 2n ** 63n - 1n }),
      )
    case 'float':
      return fc.double()
    case 'bool':
      return fc.boolean()
    case 'datetime':
      return fc.integer({ min: -1_000_000_000, max: 10_000_000_000 }).map((seconds) => seconds * 1000)
    case 'set':
      return fc.array(type.of.kind === 'ref' ? fc.uuid() : valueOf(type.of), { maxLength: 4 })
    case 'option':
      return valueOf(type.of)
    case 'map':
      return mapOf(type)
    case 'record':
      return fc.record(
        Object.fromEntries([...(fieldsOf(type.class) ?? [])].map(([name, field]) => [name, valueOf(field)])),
        {
          requiredKeys: [],
          noNullPrototype: true,
        },
      )
  }
}

function mapOf({ key, value }: XapiType & { kind: 'map' }): fc.Arbitrary<unknown> {
  if (key.kind === 'ref') return fc.array(fc.tuple(fc.uuid(), valueOf(value))).map((entries) => new Map(entries))
  const keys =
    key.kind === 'int' ? fc.nat().map(String) : fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor'))
  return fc.dictionary(keys, valueOf(value), { maxKeys: 4, noNullPrototype: true })
}

test('the test knows every kind of type that a field has', () => {
  for (const name of classNames)
    for (const type of fieldsOf(name)?.values() ?? []) expect(valueOf(parseType(typeText(type)))).toBeDefined()
})
