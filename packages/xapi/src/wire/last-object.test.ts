import { streamOf } from '@nixen/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeValue } from '../values/decode.ts'
import { readJsonRpcResponse } from './json-rpc.ts'

// Few values of each field, some of them beginnings of others: neighbours are alike in most places, as in a pool.
const vdi = fc.record(
  {
    uuid: fc.constantFrom('a', 'ab', 'b"', 'é'),
    name_label: fc.constantFrom('', 'disk', 'disk 1'),
    SR: fc.constantFrom('OpaqueRef:1', 'OpaqueRef:12', 'OpaqueRef:NULL'),
    VBDs: fc.constantFrom([], ['OpaqueRef:1'], ['OpaqueRef:1', 'OpaqueRef:2'], ['OpaqueRef:NULL']),
    virtual_size: fc.constantFrom(1, 12, 123, -1),
    sharable: fc.boolean(),
    snapshot_time: fc.constantFrom('19700101T00:00:00Z', '20260821T02:00:23Z'),
    allowed_operations: fc.constantFrom([], ['clone'], ['clone', 'copy']),
    sm_config: fc.constantFrom({}, { a: '1' }, { a: '1', b: '' }),
    unknown_field: fc.constantFrom<fc.JsonValue>(1, 12, null, [1], { a: { b: [] } }),
  },
  {
    requiredKeys: [
      'uuid',
      'name_label',
      'SR',
      'VBDs',
      'virtual_size',
      'sharable',
      'snapshot_time',
      'allowed_operations',
    ],
  },
)

test('records that are like the one before are read as if each came alone, however the bytes are cut', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(vdi, { minLength: 2, maxLength: 12 }),
      fc.integer({ min: 1, max: 400 }),
      async (records, size) => {
        const raw = Object.fromEntries(records.map((record, i) => [`OpaqueRef:${i}`, record]))
        const bytes = Buffer.from(JSON.stringify({ jsonrpc: '2.0', result: raw, id: 1 }))
        const parts = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
          bytes.subarray(i * size, (i + 1) * size),
        )
        const type = 'map(ref:VDI,record:VDI)'
        const outcome = await readJsonRpcResponse(streamOf(...parts), { maxBytes: 1e6, type })
        expect(outcome).toEqual({ ok: true, result: decodeValue(type, raw) })
      },
    ),
    { numRuns: 300 },
  )
})

test('a record that its reader changes does not change the ones after it', async () => {
  const record = {
    uuid: 'u',
    name_label: 'n',
    SR: 'OpaqueRef:1',
    VBDs: ['OpaqueRef:2'],
    virtual_size: 1,
    sharable: true,
    read_only: false,
    location: 'l',
  }
  const bytes = Buffer.from(JSON.stringify({ jsonrpc: '2.0', result: { a: record, b: record, c: record }, id: 1 }))
  const seen: unknown[] = []
  await readJsonRpcResponse(streamOf(bytes), {
    maxBytes: 1e6,
    type: 'map(ref:VDI,record:VDI)',
    onEntry: (_, value) => {
      seen.push(structuredClone(value))
      const own = value as { name_label: string; VBDs: string[] }
      own.name_label = 'changed'
      own.VBDs.push('changed')
    },
  })
  expect(seen).toEqual([record, record, record])
})
