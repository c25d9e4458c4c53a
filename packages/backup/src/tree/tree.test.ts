import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { initRepository, restic, temporaryDirectory } from '../../test/support.ts'
import { ContentList } from './content-list.ts'
import { ContentScanner } from './content-scanner.ts'
import { loadTree } from './read-tree.ts'
import { encodeTree, localOwner, writeTree } from './write-tree.ts'
import type { NewTreeNode } from './node.ts'

const id = fc.uint8Array({ minLength: 32, maxLength: 32 })
const file = fc
  .record({ name: fc.string({ minLength: 1, maxLength: 12 }), ids: fc.array(id, { maxLength: 4 }), repeat: fc.nat(3) })
  .map(({ name, ids, repeat }): NewTreeNode => {
    const content = new ContentList()
    for (const one of ids) content.push(one, repeat + 1)
    return { name: name.replaceAll(/[/.]/g, '_'), type: 'file', size: 5, mode: 0o600, modified: 0, content }
  })

describe('trees', () => {
  test('are taken apart in a stream of any pieces as JSON.parse does it', () => {
    fc.assert(
      fc.property(fc.array(file, { maxLength: 5 }), fc.integer({ min: 1, max: 80 }), (nodes, step) => {
        const json = Buffer.concat([...encodeTree(nodes, { uid: 0, gid: 0, user: 'a "content":[ user' })])
        const scanner = new ContentScanner()
        for (let at = 0; at < json.length; at += step) expect(scanner.push(json.subarray(at, at + step))).toBe(true)
        const whole = JSON.parse(json.toString()) as { nodes: { content: string[] }[] }
        expect(scanner.contents.map((list) => [...list])).toEqual(whole.nodes.map(({ content }) => content))
        for (const [i, node] of whole.nodes.entries()) Object.assign(node, { content: i })
        expect(JSON.parse(scanner.rest())).toEqual(whole)
      }),
    )
  })

  test.each(['{"nodes":[{"content":["abc"]}]}', '{"nodes":[{"content":[1]}]}', `{"content":["${'g'.repeat(64)}"]}`])(
    'with a content list of something else are refused: %s',
    (json) => expect(new ContentScanner().push(Buffer.from(json))).toBe(false),
  )

  test('are read back the same, whole or as a stream, and restic reads them', async () => {
    await using directory = await temporaryDirectory()
    const repository = await initRepository(directory.path)
    const indexWriter = repository.indexWriter()
    const packs = repository.packWriter({ index: indexWriter })
    const content = new ContentList()
    for (let i = 0; i < 50; i++) content.push(randomBytes(32), (i % 3) + 1)
    const nodes: NewTreeNode[] = [
      { name: 'z.raw', type: 'file', size: 7, mode: 0o640, modified: 1_700_000_000_000, content },
      { name: 'a.json', type: 'file', size: 0, mode: 0o600, modified: 1_700_000_000_000, content: new ContentList() },
    ]
    const tree = await writeTree({ repository, packs }, nodes)
    const dir = { name: 'dir', type: 'dir', size: 0, mode: 0o755, modified: 0, subtree: tree } as const
    const root = await writeTree({ repository, packs }, [dir])
    await packs.flush()
    await indexWriter.flush()
    for (const streamFrom of [0, Infinity]) {
      const { nodes: read } = await loadTree(repository, tree, { streamFrom })
      expect(read.map(({ name, size, mode, modified }) => ({ name, size, mode, modified }))).toEqual([
        { name: 'a.json', size: 0, mode: 0o600, modified: 1_700_000_000_000 },
        { name: 'z.raw', size: 7, mode: 0o640, modified: 1_700_000_000_000 },
      ])
      expect([...(read[1]?.content ?? [])]).toEqual([...content])
      expect((await loadTree(repository, root, { streamFrom })).nodes[0]?.subtree).toBe(tree)
    }
    expect(JSON.parse((await restic(directory.path, 'cat', 'blob', tree)).toString())).toHaveProperty(
      'nodes[1].name',
      'z.raw',
    )
  })

  test('too long for a string are written and read in constant steps', async () => {
    await using directory = await temporaryDirectory()
    const repository = await initRepository(directory.path)
    const indexWriter = repository.indexWriter()
    const packs = repository.packWriter({ index: indexWriter })
    const content = new ContentList()
    // 20 MiB of JSON: beyond the limit for whole trees.
    for (let i = 0; i < 1000; i++) {
      content.push(randomBytes(32))
      content.push(new Uint8Array(32), 300)
    }
    const base = { type: 'file', size: 1, mode: 0o600, modified: 0 } as const
    const tree = await writeTree({ repository, packs }, [{ ...base, name: 'disk.raw', content }], localOwner())
    await packs.flush()
    await indexWriter.flush()
    const { nodes } = await loadTree(repository, tree)
    expect(nodes[0]?.content?.length).toBe(301_000)
    expect([...(nodes[0]?.content?.runs() ?? [])]).toEqual([...content.runs()])
  })
})
