import { bytes, duration, fraction, HostId, time } from '@nixen/api'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { isSecret, parseValue, referenceOf } from './values.ts'

const now = Date.UTC(2026, 0, 31, 12)
const disk = z.strictObject({
  size: bytes('Size.'),
  name: z.string(),
  storage: HostId.optional(),
  boot: z.boolean().optional(),
})
const shape = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('a'), size: bytes('Size.') }),
  z.strictObject({ kind: z.literal('b'), tags: z.array(z.string()) }),
])

describe('a value is read as its schema says', () => {
  test.each<[z.ZodType, string, unknown]>([
    [bytes(''), '8GiB', 8 * 1024 ** 3],
    [bytes('').optional(), '4096', 4096],
    [z.int().positive().optional().meta({ unit: 'bytes' }), '2MiB', 2 * 1024 ** 2],
    [time(''), 'now', now],
    [time(''), '2026-02-01', Date.UTC(2026, 1, 1)],
    [time(''), '2026-02-01T10:00', Date.UTC(2026, 1, 1, 10)],
    [time(''), '2026-02-01T10:00+01:00', Date.UTC(2026, 1, 1, 9)],
    [time(''), '+30d', now + 30 * 86_400_000],
    [time(''), '2h', now + 7_200_000],
    [time(''), '-1h', now - 3_600_000],
    [duration(''), '1h30m', 5_400_000],
    [z.literal(false).optional(), 'false', false],
    [z.literal('a'), 'a', 'a'],
    [fraction(''), '80%', 0.8],
    [fraction(''), '0.8', 0.8],
    [z.int(), '-3', -3],
    [z.boolean(), 'yes', true],
    [z.enum(['a', 'b']), 'b', 'b'],
    [z.string(), 'a,b=c', 'a,b=c'],
    [z.string().nullable(), '', null],
    [z.string(), '', ''],
    [z.array(z.int()), '1,2', [1, 2]],
    [z.array(z.string()), '', []],
    [disk, 'size=1G,name=root,boot=no', { size: 1024 ** 3, name: 'root', boot: false }],
    [disk, 'name="a,b",size=1', { name: 'a,b', size: 1 }],
    [disk, '{"size":1,"name":"x"}', { size: 1, name: 'x' }],
    [z.array(disk), '[{"size":1,"name":"x"}]', [{ size: 1, name: 'x' }]],
    [shape, 'kind=b,tags=[x,y]', { kind: 'b', tags: ['x', 'y'] }],
    [z.record(z.string(), z.string()), 'a=1,b-c=2', { a: '1', 'b-c': '2' }],
    [z.unknown(), '{"a":[1]}', { a: [1] }],
    [z.unknown(), 'text', 'text'],
    [z.string().transform((text) => text.trim()), ' x', ' x'],
  ])('%#: %s', (schema, text, value) => expect(parseValue(schema, text, now)).toEqual(value))

  test.each<[z.ZodType, string, RegExp]>([
    [bytes(''), 'much', /not a size/],
    [time(''), '31.1.2026', /not a time/],
    [duration(''), '5', /not a length of time/],
    [z.int(), '50%', /not a number/],
    [z.boolean(), 'maybe', /not yes or no/],
    [z.enum(['running', 'halted']), 'runing', /Did you mean running\?/],
    [disk, 'sise=1', /Did you mean "size"\?/],
    [disk, 'root', /not NAME=VALUE/],
    [disk, '{"size"', /begins like JSON/],
  ])('%#: %s is refused', (schema, text, sentence) => {
    expect(() => parseValue(schema, text, now)).toThrow(SyntaxError)
    expect(() => parseValue(schema, text, now)).toThrow(sentence)
  })
})

test('fields that name objects, and secrets, are known by their schema', () => {
  expect([referenceOf(HostId.optional()), referenceOf(z.string())]).toEqual(['host', undefined])
  expect(isSecret(z.string().meta({ format: 'password' }).optional())).toBe(true)
})
