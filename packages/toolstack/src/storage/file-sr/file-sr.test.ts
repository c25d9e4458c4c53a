import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { newUuid, seededRandom, silentLog, type Random } from '@nixen/core'
import { checkDisk, compareDisks, openDisk } from '@nixen/disk'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { cbtBlockSize } from '../cbt/cbt-log.ts'
import { changedBlocks } from '../cbt/changed-blocks.ts'
import { FileSr, mostImages } from './file-sr.ts'

const run = promisify(execFile)
const MiB = 1024 * 1024

let directory: string
let sr: FileSr
const attach = (): Promise<FileSr> => FileSr.attach({ directory, log: silentLog })

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'nixen-sr-'))
  sr = await attach()
})
afterEach(async () => {
  await sr[Symbol.asyncDispose]()
  await rm(directory, { recursive: true })
})

async function write(uuid: string, offset: number, bytes: Uint8Array): Promise<void> {
  await using disk = await sr.open(uuid, { write: true })
  await disk.writable?.write(offset, bytes)
}

async function content(uuid: string): Promise<Buffer> {
  await using disk = await sr.open(uuid, { write: false })
  const bytes = Buffer.alloc(disk.size)
  await disk.read(0, bytes)
  let end = 0
  for await (const { offset, length, kind } of disk.extents()) {
    expect(offset).toBe(end)
    end += length
    const isRight = kind === 'data' || bytes.subarray(offset, end).equals(Buffer.alloc(length))
    expect(isRight, 'an extent of zeros').toBe(true)
  }
  expect(end).toBe(disk.size)
  return bytes
}

function fill(random: Random, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => Math.floor(random() * 256))
}

/** Every file of the SR is accepted by another implementation, and reads as the SR says. */
async function checkFiles(): Promise<void> {
  for (const name of await readdir(directory)) {
    const format = /\.(vhd|qcow2)$/.exec(name)?.[1]
    if (format === undefined) continue
    const path = join(directory, name)
    const driver = format === 'vhd' ? 'vpc' : 'qcow2'
    const { stdout } = await run('qemu-img', ['info', '-f', driver, '--output=json', path])
    expect(JSON.parse(stdout)).toMatchObject({ format: driver })
    if (format === 'qcow2') await run('qemu-img', ['check', '-f', driver, path])
    const findings = await Array.fromAsync(checkDisk(path))
    // A note is of unused space, such as the tables that a qcow2 keeps for growing.
    expect(findings.filter(({ severity }) => severity !== 'note')).toEqual([])
    await using image = await openDisk(path)
    const own = Buffer.alloc(image.size)
    await image.read(0, own)
    expect(own.equals(await content(name.slice(0, 36))), `content of ${name}`).toBe(true)
  }
}

describe('a file SR', () => {
  test('keeps what is written, in a file that qemu-img reads the same', async () => {
    const uuid = newUuid()
    const { virtualSize } = await sr.create(uuid, { size: 9 * MiB })
    expect(virtualSize).toBe(10 * MiB)
    const random = seededRandom(1)
    const model = Buffer.alloc(virtualSize)
    for (const [offset, length] of [
      [0, 512],
      [3 * MiB + 1000, 2 * MiB],
      [10 * MiB - 700, 700],
      [5 * MiB, 4096],
    ] as const) {
      const bytes = fill(random, length)
      model.set(bytes, offset)
      await write(uuid, offset, bytes)
    }
    expect((await content(uuid)).equals(model)).toBe(true)
    const raw = join(directory, 'out.img')
    await run('qemu-img', ['convert', '-f', 'vpc', '-O', 'raw', join(directory, `${uuid}.vhd`), raw])
    await using converted = await openDisk(raw, { format: 'raw' })
    await using mine = await openDisk(join(directory, `${uuid}.vhd`))
    expect(await compareDisks(mine, converted)).toEqual({ kind: 'identical' })
  })

  test('refuses a snapshot beyond thirty images with error 109', async () => {
    const uuid = newUuid()
    await sr.create(uuid, { size: 2 * MiB })
    for (let i = 1; i < mostImages; i++) {
      await write(uuid, i * 512, new Uint8Array(512).fill(i))
      await sr.snapshot(uuid, newUuid())
    }
    await write(uuid, 0, new Uint8Array(512).fill(1))
    await expect(sr.snapshot(uuid, newUuid())).rejects.toMatchObject({ code: 'SR_BACKEND_FAILURE_109' })
    const bytes = await content(uuid)
    for (let i = 1; i < mostImages; i++) expect(bytes[i * 512]).toBe(i)
    await checkFiles()
  })

  test('shows a base copy after a snapshot, and none when the snapshot is gone and merged', async () => {
    const uuid = newUuid()
    await sr.create(uuid, { size: 4 * MiB })
    await write(uuid, 0, new Uint8Array(MiB).fill(1))
    const snapshot = newUuid()
    const state = await sr.snapshot(uuid, snapshot)
    const states = await sr.scan()
    const base = states.find(({ managed }) => !managed)
    expect(states).toHaveLength(3)
    expect(state.smConfig['vhd-parent']).toBe(base?.uuid)
    await write(uuid, MiB, new Uint8Array(512).fill(2))
    await sr.destroy(snapshot)
    await sr.settle()
    expect((await sr.scan()).map((vdi) => vdi.uuid)).toEqual([uuid])
    const bytes = await content(uuid)
    expect([bytes[0], bytes[MiB], bytes[2 * MiB]]).toEqual([1, 2, 0])
    expect((await readdir(directory)).filter((name) => !name.startsWith('.'))).toEqual([`${uuid}.vhd`])
  })

  test('grows a disk with a writer, and reads zeros in the new part', async () => {
    const uuid = newUuid()
    await sr.create(uuid, { size: 2 * MiB })
    await sr.setCbt(uuid, true)
    await using disk = await sr.open(uuid, { write: true })
    await disk.writable?.write(MiB, new Uint8Array(512).fill(7))
    await sr.resize(uuid, 3 * 1024 * MiB)
    expect(disk.size).toBe(3 * 1024 * MiB)
    await disk.writable?.write(3 * 1024 * MiB - 512, new Uint8Array(512).fill(8))
    const bytes = new Uint8Array(512)
    for (const [offset, value] of [
      [MiB, 7],
      [2 * MiB, 0],
      [3 * 1024 * MiB - 512, 8],
    ] as const) {
      await disk.read(offset, bytes)
      expect(bytes[0]).toBe(value)
    }
    const { stdout } = await run('qemu-img', ['info', '-f', 'vpc', '--output=json', join(directory, `${uuid}.vhd`)])
    expect(JSON.parse(stdout)).toMatchObject({ 'virtual-size': 3 * 1024 * MiB })
    await expect(sr.resize(uuid, MiB)).rejects.toMatchObject({ code: 'SR_BACKEND_FAILURE_79' })
  })

  test('does not read a chain that leads back to itself', async () => {
    const [a, b] = [newUuid(), newUuid()]
    await sr.create(a, { size: 2 * MiB })
    await sr.create(b, { size: 2 * MiB })
    await sr[Symbol.asyncDispose]()
    const { VhdFile } = await import('../vhd/vhd-file.ts')
    for (const [child, parent] of [
      [a, b],
      [b, a],
    ] as const) {
      await using file = await VhdFile.open(join(directory, `${child}.vhd`))
      await file.setParent({ name: `${parent}.vhd`, uuid: '0'.repeat(32) })
    }
    sr = await attach()
    await expect(sr.open(a, { write: false })).rejects.toMatchObject({ code: 'SR_BACKEND_FAILURE_65' })
    await expect(sr.snapshot(a, newUuid())).rejects.toMatchObject({ code: /SR_BACKEND_FAILURE_/ })
    await sr.settle()
    expect(await sr.scan()).toHaveLength(2)
  })
})

/** What a disk holds, and what was written since each of its snapshots. */
interface Model {
  readonly bytes: Buffer
  readonly frozen: boolean
  readonly cbt: boolean
  /** Its data was destroyed, and its log kept. */
  readonly logOnly?: boolean
}

const runs = process.env['NIXEN_LONG_TESTS'] ? { vhd: 300, qcow2: 60 } : { vhd: 8, qcow2: 4 }

describe('any sequence of operations', () => {
  const operation = fc.tuple(
    fc.constantFrom(
      'write',
      'write',
      'write',
      'zero',
      'snapshot',
      'snapshot',
      'clone',
      'destroy',
      'settle',
      'restart',
      'cbt',
      'dataDestroy',
    ),
    fc.nat(),
    fc.nat(),
    fc.nat(),
  )
  test.each(['vhd', 'qcow2'] as const)(
    'of %s leaves every disk with its content and every log right',
    async (format) => {
      await fc.assert(
        fc.asyncProperty(fc.array(operation, { minLength: 5, maxLength: 40 }), async (operations) => {
          const models = new Map<string, Model>()
          const wrong: string[] = []
          /** Snapshots of each disk with a log, oldest first, and its content then. */
          const first = newUuid()
          await sr.create(first, { size: 4 * MiB, format })
          models.set(first, { bytes: Buffer.alloc(4 * MiB), frozen: false, cbt: false })
          const ancestry = new Map<string, string>()
          // The first disk is a running machine's: it stays open throughout.
          let running = await sr.open(first, { write: true })
          for (const [kind, a, b, c] of operations) {
            const uuids = [...models.keys()]
            const uuid = uuids[a % uuids.length] ?? first
            const model = models.get(uuid)
            if (!model) continue
            switch (kind) {
              case 'write':
              case 'zero': {
                if (model.frozen) break
                const offset = b % (4 * MiB - 1)
                const length = Math.min(1 + (c % 300_000), 4 * MiB - offset)
                await using opened = uuid === first ? undefined : await sr.open(uuid, { write: true })
                const disk = opened ?? running
                const bytes = kind === 'zero' ? new Uint8Array(length) : new Uint8Array(length).fill((b + c) % 255)
                if (kind === 'zero') await disk.writable?.zero(offset, length)
                else await disk.writable?.write(offset, bytes)
                model.bytes.set(bytes, offset)
                break
              }
              case 'snapshot':
              case 'clone': {
                if (models.size > 8 || model.logOnly) break
                const copy = newUuid()
                const state = kind === 'clone' ? await sr.clone(uuid, copy) : await sr.snapshot(uuid, copy)
                const cbt = kind === 'snapshot' && model.cbt
                wrong.push(...(state.cbtEnabled === cbt ? [] : [`cbt_enabled of ${copy}`]))
                models.set(copy, { bytes: Buffer.from(model.bytes), frozen: kind === 'snapshot', cbt })
                if (cbt) ancestry.set(copy, uuid)
                break
              }
              case 'destroy':
                if (uuid === first) break
                await sr.destroy(uuid)
                models.delete(uuid)
                break
              case 'settle':
                await sr.settle()
                break
              case 'restart':
                await running[Symbol.asyncDispose]()
                await sr[Symbol.asyncDispose]()
                sr = await attach()
                running = await sr.open(first, { write: true })
                break
              case 'cbt':
                if (model.frozen || model.cbt) break
                await sr.setCbt(uuid, true)
                models.set(uuid, { ...model, cbt: true })
                break
              case 'dataDestroy':
                if (!model.frozen || !model.cbt || model.logOnly) break
                await sr.dataDestroy(uuid)
                models.set(uuid, { ...model, logOnly: true })
                break
            }
          }
          for (const [uuid, { bytes, logOnly }] of models) {
            if (!logOnly && !(await content(uuid)).equals(bytes)) wrong.push(`content of ${uuid}`)
          }
          for (const [snapshot, disk] of ancestry) wrong.push(...(await unlisted(models, snapshot, disk)))
          expect(wrong).toEqual([])
          await running[Symbol.asyncDispose]()
          await checkFiles()
          for (const uuid of models.keys()) await sr.destroy(uuid)
          await sr.settle()
          expect((await readdir(directory)).filter((name) => !name.startsWith('.'))).toEqual([])
        }),
        { numRuns: runs[format] },
      )
    },
    // Far more than they take, also when other tests run beside.
    runs.vhd * 30_000,
  )

  /** Blocks that differ and are not listed. */
  async function unlisted(models: ReadonlyMap<string, Model>, snapshot: string, disk: string): Promise<string[]> {
    const [before, after] = [models.get(snapshot), models.get(disk)]
    if (!before?.cbt || !after?.cbt) return []
    const bits = await changedBlocks(snapshot, disk, (uuid) => sr.cbtLog(uuid))
    const missing: string[] = []
    for (let block = 0; block < after.bytes.length / cbtBlockSize; block++) {
      const range = [block * cbtBlockSize, (block + 1) * cbtBlockSize] as const
      const same = before.bytes.subarray(...range).equals(after.bytes.subarray(...range))
      const listed = ((bits[block >> 3] ?? 0) & (0x80 >> (block & 7))) !== 0
      if (!same && !listed) missing.push(`block ${block} of ${disk} since ${snapshot}`)
    }
    return missing
  }
})
