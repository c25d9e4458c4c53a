import { streamOf } from '@nixen/core'
import fc from 'fast-check'
import { cpuTimeOf } from '@nixen/testkit/cpu-time'
import { describe, expect, test } from 'vitest'
import { decodeValue } from '../values/decode.ts'
import { fieldsOf } from '../values/schema.ts'
import { parseType, type XapiType } from '../values/type.ts'
import { encodeJsonRpcResponse, readJsonRpcResponse, type ReadJsonRpcOptions } from './json-rpc.ts'
import { writeJson } from './json-text.ts'

const text = new TextEncoder()
const maxBytes = 1 << 24

/** Reads `body` handed over in parts of `size` bytes. */
async function read(body: string | Uint8Array, options: Partial<ReadJsonRpcOptions> & { size?: number } = {}) {
  const { size = 1 << 16, ...rest } = options
  const bytes = typeof body === 'string' ? text.encode(body) : body
  const parts: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += size) parts.push(bytes.slice(at, at + size))
  return await readJsonRpcResponse(streamOf(...parts), { maxBytes, ...rest })
}

async function result(json: string, options: Partial<ReadJsonRpcOptions> & { size?: number } = {}): Promise<unknown> {
  const outcome = await read(`{"jsonrpc":"2.0","result":${json},"id":1}`, options)
  return outcome.ok ? outcome.result : outcome
}

async function failure(work: Promise<unknown>): Promise<unknown> {
  return await work.then(
    (value) => expect.fail(`resolved with ${JSON.stringify(value)}`),
    (error: unknown) => error,
  )
}

describe('readJsonRpcResponse', () => {
  test.each([
    [
      '2.0',
      '{"jsonrpc":"2.0","error":{"code":1,"message":"VM_BAD_POWER_STATE","data":["r","halted","running"]},"id":1}',
    ],
    ['1.0', '{"result":null,"error":["VM_BAD_POWER_STATE","r","halted","running"],"id":1}'],
    ['1.0 with the members turned', '{"id":1,"error":["VM_BAD_POWER_STATE","r","halted","running"],"result":null}'],
    ['an old host', '{"jsonrpc":"2.0","error":["VM_BAD_POWER_STATE","r","halted","running"],"id":1}'],
  ])('reads the error of version %s', async (_, body) => {
    const expected = { ok: false, code: 'VM_BAD_POWER_STATE', params: ['r', 'halted', 'running'] }
    expect(await read(body, { type: 'ref:VM' })).toEqual(expected)
    expect(await read(body, { type: 'map(ref:VM,record:VM)', size: 1 })).toEqual(expected)
  })

  test('reads back what it writes, in both versions', async () => {
    const outcomes = [
      { ok: true, result: { a: [1, 2n ** 60n, 'x', null, Number.NaN] } } as const,
      { ok: false, code: 'X', params: ['1'] } as const,
    ]
    for (const outcome of outcomes) {
      for (const version of ['1.0', '2.0'] as const) {
        expect(await read(encodeJsonRpcResponse(7, outcome, { version }))).toEqual(outcome)
      }
    }
  })

  test('keeps integers of 64 bits, and floats that JSON does not know', async () => {
    expect(await result('[9223372036854775807,-9223372036854775808,9007199254740991,9007199254740993]')).toEqual([
      9223372036854775807n,
      -9223372036854775808n,
      9007199254740991,
      9007199254740993n,
    ])
    expect(await result('[NaN,Infinity,-Infinity,nan,inf,-inf,1.,-0,0,1e3,1.5E-7]')).toEqual([
      Number.NaN,
      Infinity,
      -Infinity,
      Number.NaN,
      Infinity,
      -Infinity,
      1,
      0,
      0,
      1000,
      1.5e-7,
    ])
    expect(await result('{"a":"NaN","b":NaN}', { type: 'map(string,float)' })).toEqual({ a: Number.NaN, b: Number.NaN })
  })

  test('replaces invalid UTF-8 and keeps lone surrogates', async () => {
    const bytes = Buffer.concat([
      text.encode('{"result":"a'),
      Buffer.from([0xff, 0xc3]),
      text.encode('\\ud800é\\n\\u00e9","id":1}'),
    ])
    expect(await read(bytes)).toEqual({ ok: true, result: 'a\ufffd\ufffd\ud800é\né' })
  })

  test('decodes by the type: null references, dates, unknown fields, shared empties', async () => {
    const json = `{"OpaqueRef:1":{"name_label":"a","resident_on":"OpaqueRef:NULL","snapshot_time":"20260821T02:00:23Z","VBDs":[],"newer":{"x":[1]}},
      "OpaqueRef:2":{"name_label":"b","resident_on":"OpaqueRef:h","snapshot_time":"19700101T00:00:00Z","VBDs":["OpaqueRef:NULL","OpaqueRef:v"],"newer":1}}`
    for (const size of [1, 7, 1 << 16]) {
      const records = await result(json, { type: 'map(ref:VM,record:VM)', size })
      expect(records).toEqual(
        new Map<string, unknown>([
          [
            'OpaqueRef:1',
            {
              name_label: 'a',
              resident_on: null,
              snapshot_time: Date.UTC(2026, 7, 21, 2, 0, 23),
              VBDs: [],
              newer: { x: [1] },
            },
          ],
          [
            'OpaqueRef:2',
            { name_label: 'b', resident_on: 'OpaqueRef:h', snapshot_time: 0, VBDs: ['OpaqueRef:v'], newer: 1 },
          ],
        ]),
      )
    }
  })

  test('decodes the snapshots of events by their class, wherever the class stands', async () => {
    const json = `{"events":[
      {"id":"1","timestamp":"0.0","class":"vm","operation":"add","ref":"OpaqueRef:1","snapshot":{"resident_on":"OpaqueRef:NULL"}},
      {"id":"2","timestamp":"0.0","class":"vm","operation":"del","ref":"OpaqueRef:2"},
      {"id":"3","timestamp":"0.0","snapshot":{"suspend_SR":"OpaqueRef:NULL"},"class":"vm","operation":"mod","ref":"OpaqueRef:3"},
      {"id":"4","timestamp":"0.0","class":"hovercraft","operation":"add","ref":"OpaqueRef:4","snapshot":{"resident_on":"OpaqueRef:NULL"}}],
      "valid_ref_counts":{"vm":2},"token":"00000000000000000001,00000000000000000001"}`
    const entries: unknown[] = []
    const batch = await result(json, { type: 'record:event_batch' })
    const rest = await result(json, { type: 'record:event_batch', onEntry: (_, event) => entries.push(event), size: 3 })
    expect(batch).toMatchObject({
      events: [
        { ref: 'OpaqueRef:1', snapshot: { resident_on: null } },
        { ref: 'OpaqueRef:2' },
        { ref: 'OpaqueRef:3', snapshot: { suspend_SR: null } },
        { ref: 'OpaqueRef:4', snapshot: { resident_on: 'OpaqueRef:NULL' } },
      ],
      valid_ref_counts: { vm: 2 },
    })
    // Handed out one by one, events come without what says nothing; `toEqual` takes a member that is undefined for none.
    const { events, ...counts } = batch as { events: readonly Record<string, unknown>[] }
    expect(entries).toEqual(events.map(({ id: _id, timestamp: _timestamp, ...event }) => event))
    expect({ ...(rest as object), events: undefined }).toEqual(counts)
    expect(rest).toMatchObject({ events: [] })
  })

  test('takes members named like parts of every object as data', async () => {
    const json = '{"__proto__":"x","constructor":"y","toString":"z"}'
    for (const type of [undefined, 'map(string,string)', 'record:VM'] as const) {
      const object = (await result(json, { type })) as object
      expect(Object.entries(object)).toEqual([
        ['__proto__', 'x'],
        ['constructor', 'y'],
        ['toString', 'z'],
      ])
      expect(Object.getPrototypeOf(object)).toBe(Object.prototype)
    }
  })

  test.each([
    ['<html><body>login</body></html>', 'xapi.bad_answer', /expected an object of JSON-RPC, got "</],
    ['', 'xapi.truncated', /after 0 bytes/],
    ['[]', 'xapi.bad_answer', /object of JSON-RPC/],
    ['{}', 'xapi.bad_answer', /neither/],
    ['{"result":1}x', 'xapi.bad_answer', /end of the answer/],
    ['{"result":{"a":1', 'xapi.truncated', /after 16 bytes/],
    ['{"result":"abc', 'xapi.truncated', /after 14 bytes/],
    ['{"result":tru}', 'xapi.bad_answer', /expected a value, got "tru}"/],
    ['{"result":[1,]}', 'xapi.bad_answer', /a value/],
    ['{"result":{1:2}}', 'xapi.bad_answer', /text/],
    ['{"result":"\\x"}', 'xapi.bad_answer', /an escape/],
    ['{"result":1 2}', 'xapi.bad_answer', /","/],
    ['{"error":{}}', 'xapi.bad_answer', /an error of XAPI/],
    ['{"error":[1]}', 'xapi.bad_answer', /an error code/],
    [`{"result":${'['.repeat(100_000)}`, 'xapi.bad_answer', /levels/],
    [`{"result":${'{"a":'.repeat(100_000)}`, 'xapi.bad_answer', /levels/],
  ])('refuses %.60s', async (body, code, message) => {
    for (const size of [1, 1 << 16]) {
      if (body.length > 1000 && size === 1) continue
      const error = await failure(read(body, { size }))
      expect(error).toMatchObject({ code, message: expect.stringMatching(message) as string })
    }
  })

  test.each([
    ['int', '"x"', 'an integer'],
    ['int', '1.5', 'an integer'],
    ['int', '9223372036854775808', 'an integer'],
    ['int', 'NaN', 'an integer'],
    ['bool', '1', 'true or false'],
    ['string', '5', 'text'],
    ['string', 'null', 'text'],
    ['datetime', '"yesterday"', 'a date'],
    ['set(string)', '{}', 'an array'],
    ['map(string,string)', '[]', 'an object'],
    ['record:VM', '"x"', 'a record of VM'],
    ['ref:VM', '5', 'a reference'],
    ['map(ref:VM,record:VM)', 'null', 'an object'],
  ])('says what it expected instead of %s from %s', async (type, json, expected) => {
    const error = await failure(result(json, { type }))
    expect(error).toMatchObject({ code: 'xapi.bad_answer', details: { expected } })
  })

  test('says where a value is wrong', async () => {
    const json = '{"OpaqueRef:1":{"other_config":{"a":"b"}},"OpaqueRef:2":{"other_config":{"a":{}}}}'
    const error = await failure(result(json, { type: 'map(ref:VM,record:VM)' }))
    expect(error).toMatchObject({
      details: { at: 'map(ref:VM,record:VM).OpaqueRef:2.other_config.a', expected: 'text' },
    })
  })

  test('stops at the limit of bytes, and when it is told to', async () => {
    const body = `{"result":"${'x'.repeat(100_000)}"}`
    expect(await failure(read(body, { maxBytes: 50_000, size: 1000 }))).toMatchObject({ code: 'xapi.too_large' })
    const stop = new AbortController()
    let closed = false
    async function* endless(): AsyncGenerator<Uint8Array> {
      try {
        yield text.encode('{"result":[1')
        for (let i = 0; ; i++) {
          if (i === 10) stop.abort(new Error('enough'))
          await new Promise((resolve) => setImmediate(resolve))
          yield text.encode(',1')
        }
      } finally {
        closed = true
      }
    }
    expect(await failure(readJsonRpcResponse(endless(), { maxBytes, signal: stop.signal }))).toMatchObject({
      message: 'enough',
    })
    await expect.poll(() => closed).toBe(true)
  })

  test('stops when it is told to, even while a body says nothing', async () => {
    async function* silent(): AsyncGenerator<Uint8Array> {
      yield text.encode('{"result":[1,2')
      await new Promise(() => undefined)
    }
    const signal = AbortSignal.timeout(20)
    expect(await failure(readJsonRpcResponse(silent(), { maxBytes, signal }))).toMatchObject({ name: 'TimeoutError' })
  })

  test('ends with what the body fails with', async () => {
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield text.encode('{"result":[1,2')
      await Promise.resolve()
      throw new Error('connection reset')
    }
    expect(await failure(readJsonRpcResponse(broken(), { maxBytes }))).toMatchObject({ message: 'connection reset' })
  })

  test('reads a very long string that comes in small parts', async () => {
    const long = 'x'.repeat(2 << 20)
    expect(await result(JSON.stringify({ [long]: long }), { size: 4096 })).toEqual({ [long]: long })
  })
})

describe('hostile answers', () => {
  test('are read as JSON.parse reads them, or refused, whatever is done to a good one', async () => {
    const good = '{"jsonrpc":"2.0","result":{"a":[1,-2.5e3,true,null,"x\\u00e9\\n"],"b":{"c":""},"é":"ü"},"id":1}'
    const damage = fc.record({
      at: fc.nat(good.length),
      length: fc.nat(3),
      put: fc.constantFrom(
        '',
        '"',
        '\\',
        '{',
        '}',
        '[',
        ']',
        ',',
        ':',
        '0',
        '-',
        'e',
        '.',
        ' ',
        '\n',
        'null',
        '"a"',
        '\\ud800',
        '1e999',
      ),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.array(damage, { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 1, max: 60 }),
        async (changes, size) => {
          let body = good
          for (const { at, length, put } of changes) body = body.slice(0, at) + put + body.slice(at + length)
          const ours = await read(body, { size }).catch((error: { code: string }) => error.code)
          const parsed = parsedJson(body)
          const acceptable: unknown[] = ['xapi.bad_answer', 'xapi.truncated']
          // What JSON allows and is an answer must be read; what XAPI adds to JSON may be.
          if (parsed && typeof parsed === 'object' && 'result' in parsed && !('error' in parsed)) {
            acceptable.splice(0, 2, { ok: true, result: plain(parsed.result) })
          } else if (typeof ours === 'object') acceptable.push(ours)
          expect(acceptable).toContainEqual(ours)
        },
      ),
      { numRuns: 1000 },
    )
  })

  test('with the same member twice keep the last one', async () => {
    const json =
      '{"r":{"name_label":"a","uuid":"1","name_label":"b"},"s":{"name_label":"c","uuid":"2"},"t":{"uuid":"3","uuid":"4"}}'
    expect(await result(json, { type: 'map(ref:VM,record:VM)' })).toEqual(
      new Map([
        ['r', { name_label: 'b', uuid: '1' }],
        ['s', { name_label: 'c', uuid: '2' }],
        ['t', { uuid: '4' }],
      ]),
    )
  })

  test('with keys of a megabyte, many members, or endless numbers end in time', async () => {
    const cpuTime = await cpuTimeOf(async () => {
      const key = 'k'.repeat(1 << 20)
      expect(await result(`{"${key}":{"${key}":1}}`, { type: 'map(ref:VM,record:VM)' })).toEqual(
        new Map([[key, { [key]: 1 }]]),
      )
      const many = `{${Array.from({ length: 100_000 }, (_, i) => `"k${i}":1`).join(',')}}`
      expect(
        Object.keys(
          (await result(`{"r":${many}}`, { type: 'map(ref:VM,record:VM)' }).then((map) =>
            (map as Map<string, object>).get('r'),
          )) ?? {},
        ),
      ).toHaveLength(100_000)
      expect(await failure(result('1'.repeat(1 << 20)))).toMatchObject({ code: 'xapi.bad_answer' })
      expect(await failure(result('1'.repeat(1 << 20), { type: 'int', size: 1024 }))).toMatchObject({
        code: 'xapi.bad_answer',
      })
    })
    expect(cpuTime).toBeLessThan(5000)
  })

  test('with strings that were chosen to collide are still read right', async () => {
    // "Aa" and "BB" have the same sum of 31^i × byte, and so has every mixture of them.
    const texts = Array.from({ length: 1 << 12 }, (_, i) =>
      i.toString(2).padStart(12, '0').replaceAll('0', 'Aa').replaceAll('1', 'BB'),
    )
    const json = JSON.stringify([...texts, ...texts])
    expect(await result(json, { type: 'set(ref:VM)' })).toEqual([...texts, ...texts])
  })

  test('of many records leave the event loop free', async () => {
    const record = { name_label: 'x'.repeat(100), other_config: { a: 'b' }, VBDs: ['OpaqueRef:1'] }
    const records = Object.fromEntries(Array.from({ length: 60_000 }, (_, i) => [`OpaqueRef:${i}`, record]))
    const bytes = text.encode(`{"result":${JSON.stringify(records)}}`)
    let turns = 0
    const timer = setInterval(() => turns++, 0)
    await readJsonRpcResponse(streamOf(bytes), { maxBytes, type: 'map(ref:VM,record:VM)' })
    clearInterval(timer)
    expect(turns).toBeGreaterThan(2)
  })
})

describe('typed reading', () => {
  const raw = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.string({ unit: 'binary' }),
      fc.integer(),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc.double(),
      fc.boolean(),
      fc.constantFrom(null, 'OpaqueRef:NULL', '', '20260821T02:00:23Z', 'OpaqueRef:1', '12', {}, []),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(
        fc.oneof(fc.string(), fc.constantFrom('__proto__', 'class', 'snapshot', 'name_label', 'VBDs', '1')),
        tie('value'),
        { maxKeys: 5 },
      ),
    ),
  })).value

  test('of anything without a type gives what JSON says', async () => {
    await fc.assert(
      fc.asyncProperty(raw, fc.integer({ min: 1, max: 40 }), async (value, size) => {
        expect(await result(writeJson(value), { size })).toEqual(plain(value))
      }),
    )
  })

  const types = [
    'map(ref:VM,record:VM)',
    'set(record:event)',
    'map(string,set(string))',
    'set(ref:VM)',
    'record:event_batch',
    'map(int,float)',
    'option(record:sr_stat)',
    'datetime',
  ]

  test.each(types)('of %s agrees with decoding parsed JSON', async (type) => {
    const wire = fc.oneof({ weight: 4, arbitrary: wireOf(parseType(type)) }, { weight: 1, arbitrary: raw })
    await fc.assert(
      fc.asyncProperty(wire, fc.integer({ min: 1, max: 100 }), async (value, size) => {
        const json = writeJson(value)
        const expected = attempt(() => decodeValue(type, plain(value)))
        const found = await result(json, { type, size }).then(
          (decoded) => ({ decoded }),
          (error: { code: string; details: { expected: string } }) => ({
            code: error.code,
            expected: error.details.expected,
          }),
        )
        expect(found).toEqual(expected)
      }),
      { numRuns: 150 },
    )
  })
})

/** `undefined` for what is no JSON. */
function parsedJson(body: string): unknown {
  try {
    return JSON.parse(body) as unknown
  } catch {
    return undefined
  }
}

function attempt(work: () => unknown): unknown {
  try {
    return { decoded: work() }
  } catch (error) {
    const { code, details } = error as { code: string; details: { expected: string } }
    return { code, expected: details.expected }
  }
}

/** What is left of a value on the wire: -0 and integral floats become integers, small `bigint` numbers. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value
  if (typeof value === 'number')
    return Number.isInteger(value) && !Number.isSafeInteger(value) && !/e/.test(String(value))
      ? bigOrFloat(value)
      : value + 0
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  const object: Record<string, unknown> = {}
  for (const [key, item] of Object.entries(value)) {
    Object.defineProperty(object, key, { value: plain(item), enumerable: true, writable: true, configurable: true })
  }
  return object
}

/** A large integral double is written without a point, like an integer of 64 bits. */
function bigOrFloat(value: number): number | bigint {
  const exact = BigInt(String(value))
  return BigInt.asIntN(64, exact) === exact ? exact : value
}

/** Wire values of a type, with the oddities of hosts. */
function wireOf(type: XapiType): fc.Arbitrary<unknown> {
  switch (type.kind) {
    case 'any':
      return fc.jsonValue()
    case 'string':
    case 'enum':
      return fc.oneof(fc.constantFrom('a', 'b', ''), fc.string({ unit: 'binary' }))
    case 'void':
      return fc.constant('')
    case 'ref':
      return fc.constantFrom('OpaqueRef:NULL', '', 'OpaqueRef:1', 'Ref:3', 'DummyRef:|x|y')
    case 'int':
      return fc.oneof(fc.integer(), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.constant('17'))
    case 'float':
      return fc.oneof(fc.double(), fc.constant('nan'))
    case 'bool':
      return fc.boolean()
    case 'datetime':
      return fc.constantFrom('20260821T02:00:23Z', '19700101T00:00:00Z', '2024-04-20T12:00:00+02:00', '1627478400.')
    case 'set':
      return fc.array(wireOf(type.of), { maxLength: 5 })
    case 'option':
      return fc.oneof(fc.constantFrom(null, []), wireOf(type.of))
    case 'map':
      return fc.dictionary(
        type.key.kind === 'int'
          ? fc.nat().map(String)
          : fc.constantFrom('OpaqueRef:1', 'OpaqueRef:2', 'x', '__proto__'),
        wireOf(type.value),
        { maxKeys: 4 },
      )
    case 'record':
      return recordOf(type.class)
  }
}

function recordOf(className: string): fc.Arbitrary<unknown> {
  if (className === '*') return fc.oneof(recordOf('VM'), fc.constant({ resident_on: 'OpaqueRef:NULL' }))
  const fields = [...(fieldsOf(className) ?? [])].slice(0, 40)
  const shape: Record<string, fc.Arbitrary<unknown>> = Object.fromEntries(
    fields.map(([name, type]) => [name, wireOf(type)]),
  )
  if (className === 'event') shape['class'] = fc.constantFrom('vm', 'VBD', 'hovercraft')
  return fc.record(shape, { requiredKeys: fields.slice(0, 5).map(([name]) => name) })
}
