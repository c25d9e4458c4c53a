import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BlobIndex } from './blob-index.ts'
import { decodeIndex, encodeIndex } from './index-file.ts'
import { IndexWriter } from './index-writer.ts'

const pack = (n: number): string => n.toString(16).padStart(64, '0')

describe('the index', () => {
  test('finds what was added, by kind and id, and nothing else', () => {
    const entry = fc.record({
      id: fc.nat(40),
      pack: fc.nat(5),
      tree: fc.boolean(),
      length: fc.integer({ min: 33, max: 9999 }),
    })
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 60 }), (entries) => {
        const index = new BlobIndex()
        const model = new Map<string, Set<string>>()
        for (const { id, pack: number, tree, length } of entries) {
          const type = tree ? 'tree' : 'data'
          const key = `${type} ${pack(id)}`
          index.add(pack(number), { type, id: pack(id), offset: 5, length, uncompressedLength: length * 2 })
          model.set(key, (model.get(key) ?? new Set()).add(pack(number)))
        }
        for (let id = 0; id <= 40; id++) {
          for (const type of ['data', 'tree'] as const) {
            const packs = model.get(`${type} ${pack(id)}`)
            expect(new Set(index.locateAll(type, pack(id)).map((place) => place.pack))).toEqual(packs ?? new Set())
            expect(index.locate(type, pack(id))?.id).toBe(packs && pack(id))
          }
        }
      }),
    )
  })

  test('keeps everything when it grows, at no more than 64 MiB per TiB of chunks', () => {
    const index = new BlobIndex()
    const ids = Array.from({ length: 50_000 }, () => randomBytes(32))
    for (const [i, id] of ids.entries()) {
      index.add(pack(i >> 4), { type: 'data', id: id.toString('hex'), offset: i, length: 40 + i })
    }
    for (const [i, id] of ids.entries()) {
      const entry = index.find('data', id)
      expect(index.location(entry)).toEqual({
        type: 'data',
        id: id.toString('hex'),
        pack: pack(i >> 4),
        offset: i,
        length: 40 + i,
      })
    }
    expect(index.bytes / index.size).toBeLessThanOrEqual(64)
  })

  test('lets exactly one of several threads claim a blob', () => {
    const index = new BlobIndex({ capacity: 4096 })
    const others = [new BlobIndex(index.shared), new BlobIndex(index.shared)]
    const ids = Array.from({ length: 1000 }, () => randomBytes(32))
    let claims = 0
    for (const id of [...ids, ...ids.toReversed()]) {
      const entries = others.map((other) => {
        const entry = other.claim(id)
        if (other.claimed) claims++
        return entry
      })
      expect(new Set(entries).size).toBe(1)
    }
    expect(claims).toBe(1000)
    expect(index.locate('data', ids[0]!)).toBeUndefined()
    index.place(index.find('data', ids[0]!), pack(1), { offset: 1, length: 50, uncompressedLength: 0 })
    index.dropUnplaced()
    expect(index.locate('data', ids[0]!)?.pack).toBe(pack(1))
    expect(index.find('data', ids[1]!)).toBe(-1)
  })

  test('says that it is full', () => {
    const index = new BlobIndex({ capacity: 1 })
    const results = Array.from({ length: 2000 }, () => index.claim(randomBytes(32)))
    expect(results.at(-1)).toBe(-1)
  })
})

describe('index files', () => {
  test('decode to what was encoded', () => {
    const packs = [
      { id: pack(1), blobs: [{ type: 'data' as const, id: pack(2), offset: 0, length: 40, uncompressedLength: 100 }] },
      { id: pack(3), blobs: [{ type: 'tree' as const, id: pack(4), offset: 0, length: 41 }] },
    ]
    expect(decodeIndex(encodeIndex(packs))).toEqual({ packs })
  })

  test.each([
    ['{', 'it is not JSON'],
    ['{}', 'it has no list of packs'],
    ['{"packs":[{"id":"x","blobs":[]}]}', 'entry 0 of its packs is invalid'],
    [
      `{"packs":[{"id":"${pack(1)}","blobs":[{"id":"${pack(1)}","type":"data","offset":-1,"length":3}]}]}`,
      'entry 0 of its packs is invalid',
    ],
  ])('%s is refused', (text, reason) => {
    expect(decodeIndex(Buffer.from(text))).toEqual({ reason })
  })

  test('are saved when they are full, and name each pack once', async () => {
    const saved: string[] = []
    const writer = new IndexWriter(async (document) => {
      const decoded = decodeIndex(document)
      if ('packs' in decoded) saved.push(...decoded.packs.map(({ id }) => id))
      return pack(saved.length)
    })
    const blobs = Array.from({ length: 30_000 }, () => ({ type: 'data' as const, id: pack(9), offset: 0, length: 40 }))
    await writer.add({ id: pack(1), blobs })
    expect(saved).toEqual([])
    await writer.add({ id: pack(2), blobs })
    expect(saved).toEqual([pack(1), pack(2)])
    await writer.flush()
    expect(saved).toEqual([pack(1), pack(2)])
  })
})
