import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { newMasterKey } from '../crypto/key-file.ts'
import { Sealer } from '../crypto/seal.ts'
import type { PackedBlob } from './blob.ts'
import { decodeHeader, encodeHeader, headerLength, readHeader, writeHeader } from './pack-header.ts'

const sealer = new Sealer(newMasterKey())

const blobs = fc
  .array(
    fc.record({
      type: fc.constantFrom('data' as const, 'tree' as const),
      id: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((id) => Buffer.from(id).toString('hex')),
      length: fc.nat(1_000_000),
      uncompressedLength: fc.option(fc.nat(), { nil: undefined }),
    }),
    { maxLength: 30 },
  )
  .map((list) => {
    let offset = 0
    return list.map(({ uncompressedLength, ...blob }): PackedBlob => {
      const at = offset
      offset += blob.length
      return { ...blob, offset: at, ...(uncompressedLength === undefined ? {} : { uncompressedLength }) }
    })
  })

describe('a pack header', () => {
  test('decodes to what was encoded', () => {
    fc.assert(
      fc.property(blobs, (list) => {
        expect(decodeHeader(encodeHeader(list))).toEqual({ blobs: list })
      }),
    )
  })

  test('is found from the end of a pack, however much of it was read', () => {
    fc.assert(
      fc.property(blobs, fc.nat(2000), (list, extra) => {
        const content = list.reduce((sum, { length }) => sum + length, 0)
        const tail = new Uint8Array(headerLength(list))
        expect(writeHeader(list, sealer, tail)).toBe(tail.length)
        const size = content + tail.length
        expect(readHeader(tail, size, sealer)).toEqual({ blobs: list })
        const part = tail.subarray(-Math.min(tail.length, 4 + extra))
        const read = readHeader(part, size, sealer)
        expect('needed' in read ? read.needed : tail.length).toBe(tail.length)
      }),
    )
  })

  test('that does not fill its pack, or has a wrong trailer, is refused', () => {
    const list: PackedBlob[] = [{ type: 'data', id: 'ab'.repeat(32), offset: 0, length: 100 }]
    const tail = new Uint8Array(headerLength(list))
    writeHeader(list, sealer, tail)
    expect(readHeader(tail, tail.length + 99, sealer)).toEqual({ reason: 'its blobs do not fill it' })
    for (let i = 1; i <= tail.length; i++) {
      const changed = tail.slice()
      changed[changed.length - i]! ^= 0x10
      expect(readHeader(changed, tail.length + 100, sealer)).not.toHaveProperty('blobs')
    }
  })

  test('of random bytes is refused without a crash', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const decoded = decodeHeader(bytes)
        expect('reason' in decoded || decoded.blobs.length <= bytes.length / 37).toBe(true)
        expect(readHeader(bytes, bytes.length, sealer)).not.toHaveProperty('blobs')
      }),
    )
  })
})
