import { streamOf } from '@nixen/core'
import { describe, expect, test } from 'vitest'
import { decodeValue } from '../src/values/decode.ts'
import { readJsonRpcResponse } from '../src/wire/json-rpc.ts'
import { syntheticPool } from './synthetic-pool.ts'

/** The events of a pool, with deletions, records that lack a field and records that have one more among them. */
function poolEvents(): readonly unknown[] {
  const events: unknown[] = []
  for (const [className, ref, record] of syntheticPool(40)) {
    const head = { id: String(events.length), timestamp: '0.0', class: className.toLowerCase() }
    events.push({ ...head, operation: 'add', ref, snapshot: record })
    if (events.length % 7 === 0) events.push({ ...head, operation: 'del', ref })
    if (events.length % 11 !== 0) continue
    const entries = Object.entries(record as object)
    entries.splice(events.length % entries.length, 1)
    events.push({
      ...head,
      operation: 'mod',
      ref,
      snapshot: Object.fromEntries([...entries, ['of_tomorrow', events.length]]),
    })
  }
  return events
}

describe('the answer with all objects of a pool', () => {
  const raw = { events: poolEvents(), valid_ref_counts: { vm: 40 }, token: '1,1' }
  const expected = decodeValue('record:event_batch', raw)

  test.each([
    ['compact, in parts of 113 bytes', 113, undefined],
    ['compact, in parts of 64 KiB', 65_536, undefined],
    ['with blanks, in parts of 113 bytes', 113, 1],
    ['with blanks, in parts of 64 KiB', 65_536, 1],
  ])('is read as by decoding parsed JSON: %s', async (_, size, indent) => {
    const bytes = Buffer.from(JSON.stringify({ result: raw, id: 1 }, undefined, indent))
    const parts = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
      bytes.subarray(i * size, (i + 1) * size),
    )
    const outcome = await readJsonRpcResponse(streamOf(...parts), { maxBytes: 1 << 26, type: 'record:event_batch' })
    expect(outcome).toEqual({ ok: true, result: expected })
    // The same members in the same order, too.
    expect(outcome.ok && JSON.stringify(outcome.result)).toBe(JSON.stringify(expected))
  })
})
