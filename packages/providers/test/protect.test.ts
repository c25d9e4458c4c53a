import { MiB, seededRandom } from '@nixen/core'
import type { ChangeToken } from '@nixen/disk'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sampleUnchanged, type FrozenVm, type OpenDiskOptions } from '../src/index.ts'
import { diskOf, noise, protectWorld, takeIn, type Inventory, type World } from './protect-world.ts'

let world: World
let atStart: Inventory

beforeAll(async () => {
  world = await protectWorld()
  await world.write(0, 0, noise(1, 100_000))
  await world.write(0, 7 * MiB + 512, noise(2, MiB))
  await world.write(1, 5 * MiB, noise(3, 64 * 1024))
  atStart = await world.inventory()
}, 30_000)
afterAll(async () => await world[Symbol.asyncDispose]())

const freeze = (): Promise<FrozenVm> =>
  world.session.protect.freeze(world.vmId, { owner: 'job1', journal: world.journal })

/** The disks of an earlier backup. */
interface Point {
  readonly tokens: readonly ChangeToken[]
  readonly contents: readonly Buffer[]
}

/** One backup of both disks; what each was read by. */
async function backUp(
  before: Point | undefined,
  { data = 'purge', ...options }: OpenDiskOptions & { data?: 'purge' | 'keep' | 'nothing' } = {},
): Promise<{ point: Point; hows: string[]; codes: string[][] }> {
  const frozen = await freeze()
  const contents: Buffer[] = []
  const hows: string[] = []
  const codes: string[][] = []
  for (const [index, { key }] of frozen.disks.entries()) {
    const content = before?.contents[index]
    const since = before?.tokens[index]
    await using opened = await world.session.protect.openDisk(frozen, key, {
      ...(since ? { since } : {}),
      ...(content ? { base: () => Promise.resolve(diskOf(content)) } : {}),
      ...options,
    })
    hows.push(opened.how)
    codes.push(opened.because.map(({ code }) => code))
    contents.push(await takeIn(opened, content))
  }
  const tokens = frozen.disks.map(({ token }) => token)
  await world.session.protect.keep(frozen, { data, drop: before?.tokens ?? [] })
  world.journal.open.length = 0
  return { point: { tokens, contents }, hows, codes }
}

async function expectContents({ contents }: Point): Promise<void> {
  for (const [position, content] of contents.entries()) {
    expect(Buffer.compare(content, await world.content(position)), `disk ${position}`).toBe(0)
  }
}

async function dropAll({ tokens }: Point): Promise<void> {
  for (const token of tokens) await world.session.protect.drop(token)
  expect(await world.inventory()).toEqual(atStart)
  expect(await world.session.protect.strays()).toEqual([])
}

describe('a backup', () => {
  test('reads all first, then what the log of changes names, and leaves only logs on the host', async () => {
    const first = await backUp(undefined)
    expect(first.hows).toEqual(['nbd-full', 'nbd-full'])
    expect(first.codes).toEqual([['first'], ['first']])
    await expectContents(first.point)
    const vdis = [...(await world.xapi.client.VDI.get_all_records()).values()]
    expect(vdis.filter(({ type }) => type === 'cbt_metadata')).toHaveLength(2)

    await world.write(0, 3 * MiB + 7, noise(4, 300))
    await world.write(1, 0, noise(5, 200_000))
    const second = await backUp(first.point)
    expect(second.hows).toEqual(['nbd-cbt', 'nbd-cbt'])
    expect(second.codes).toEqual([[], []])
    await expectContents(second.point)
    await dropAll(second.point)
  })

  test.each<[name: string, without: OpenDiskOptions['without'], first: string, second: string, codes: string[]]>([
    ['kept snapshots compared, read over NBD', ['changes'], 'nbd-full', 'delta-export', ['left_out']],
    ['streams of differences', ['nbd', 'changes'], 'full-export', 'delta-export', ['left_out', 'left_out']],
    ['whole streams', ['nbd', 'changes', 'delta'], 'full-export', 'full-export', ['left_out', 'left_out', 'left_out']],
    ['whole disks over NBD', ['changes', 'delta'], 'nbd-full', 'nbd-full', ['left_out', 'left_out']],
  ])('is right by %s', async (_, without, first, second, codes) => {
    const one = await backUp(undefined, { data: 'keep', ...(without ? { without } : {}) })
    expect(one.hows).toEqual([first, first])
    await expectContents(one.point)
    await world.write(0, 11 * MiB + 100, noise(6, 5000))
    await world.write(0, 7 * MiB, new Uint8Array(MiB))
    await world.write(1, 2 * MiB - 3, noise(7, 10))
    const two = await backUp(one.point, { data: 'keep', ...(without ? { without } : {}) })
    expect(two.hows).toEqual([second, second])
    expect(two.codes).toEqual([codes, codes])
    await expectContents(two.point)
    await dropAll(two.point)
  })

  test('releases everything of one that failed, twice as well as once', async () => {
    const frozen = await freeze()
    expect(world.journal.open).toEqual([frozen.undo])
    expect((await world.session.protect.strays()).map(({ kind, owner }) => [kind, owner])).toEqual([
      ['snapshot', 'job1'],
      ['disk', 'job1'],
      ['disk', 'job1'],
    ])
    await world.session.protect.release(frozen)
    await world.session.protect.release(frozen)
    expect(await world.inventory()).toEqual(atStart)
    await world.journal.clean(world.session.protect)
    expect(await world.inventory()).toEqual(atStart)
  })

  test('keeps what was kept when its step is undone later', async () => {
    const frozen = await freeze()
    const kept = await world.session.protect.keep(frozen, { data: 'purge' })
    expect(kept.disks.map((disk) => disk.kept)).toEqual(['log', 'log'])
    await world.journal.clean(world.session.protect)
    const again = await world.session.protect.keep(frozen, { data: 'purge' })
    expect(again).toEqual(kept)
    expect((await world.session.protect.strays()).map((stray) => [stray.kind, stray.kept, stray.token])).toEqual(
      expect.arrayContaining(frozen.disks.map(({ token }) => ['disk', true, token])),
    )
    await dropAll({ tokens: frozen.disks.map(({ token }) => token), contents: [] })
  })

  test('samples find a block that changed though it was not said to', async () => {
    const frozen = await freeze()
    const [disk] = frozen.disks
    await using opened = await world.session.protect.openDisk(frozen, disk?.key ?? '')
    const before = await takeIn(opened)
    const random = seededRandom(1)
    const fine = await sampleUnchanged(opened.source, diskOf(before), { changed: [], random, samples: 1000 })
    expect(fine).toEqual({ checked: 192, differing: [] })
    before[5 * MiB]! ^= 1 // The buffer is longer than that.
    const wrong = await sampleUnchanged(opened.source, diskOf(before), { changed: [], random, samples: 1000 })
    expect(wrong.differing).toEqual([{ offset: 5 * MiB, length: 65_536 }])
    const changed = [{ offset: 5 * MiB + 5, length: 10, kind: 'data' as const }]
    const known = await sampleUnchanged(opened.source, diskOf(before), { changed, random, samples: 1000 })
    expect(known).toEqual({ checked: 191, differing: [] })
    await opened[Symbol.asyncDispose]()
    await world.session.protect.release(frozen)
    world.journal.open.length = 0
    expect(await world.inventory()).toEqual(atStart)
  })
})
