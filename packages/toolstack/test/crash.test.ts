import { execFile, spawn } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { newUuid, silentLog } from '@nixen/core'
import { checkDisk } from '@nixen/disk'
import { describe, expect, test } from 'vitest'
import { cbtBlockSize } from '../src/storage/cbt/cbt-log.ts'
import { changedBlocks } from '../src/storage/cbt/changed-blocks.ts'
import { FileSr } from '../src/storage/file-sr/file-sr.ts'

const run = promisify(execFile)
const size = 8 * 1024 * 1024
const child = fileURLToPath(new URL('crash-child.ts', import.meta.url))

interface Line {
  readonly begin?: 'write' | 'snapshot' | 'destroy'
  readonly end?: string
  readonly offset?: number
  readonly length?: number
  readonly value?: number
  readonly uuid?: string
}

/** Lets the child work for a while, kills it, and gives back what it said. */
async function workAndKill(
  directory: string,
  { disk, seed, after }: { disk: string; seed: number; after: number },
): Promise<Line[]> {
  const process_ = spawn(process.execPath, [child, directory, disk, String(seed)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  process_.stdout.setEncoding('utf8')
  const started = Promise.withResolvers<void>()
  process_.stdout.on('data', (part: string) => {
    text += part
    started.resolve()
  })
  const ended = new Promise((resolve) => process_.once('close', resolve))
  await Promise.race([started.promise, ended])
  await new Promise((resolve) => setTimeout(resolve, after))
  process_.kill('SIGKILL')
  await ended
  return text
    .split('\n')
    .filter((line) => line.endsWith('}'))
    .map((line): Line => JSON.parse(line))
}

/** What each disk must hold, and what the operation in flight may have left. */
class Model {
  readonly disks = new Map<string, Buffer>()
  pending: Line | undefined
  readonly disk: string

  constructor(disk: string) {
    this.disk = disk
    this.disks.set(disk, Buffer.alloc(size))
  }

  apply(lines: readonly Line[]): void {
    for (const line of lines) {
      if (line.begin) this.pending = line
      else this.#finish()
    }
  }

  #finish(): void {
    const { begin, uuid = '', offset = 0, length = 0, value } = this.pending ?? {}
    const leaf = this.disks.get(this.disk) ?? Buffer.alloc(size)
    if (begin === 'write') leaf.fill(value ?? 0, offset, offset + length)
    if (begin === 'snapshot') this.disks.set(uuid, Buffer.from(leaf))
    if (begin === 'destroy') this.disks.delete(uuid)
    this.pending = undefined
  }

  /** Takes what the killed operation really left: a write may be there in part, each byte old or new. */
  settle(uuid: string, content: Buffer): string[] {
    const { begin, offset = 0, length = 0, value } = this.pending ?? {}
    const expected = this.disks.get(uuid) ?? Buffer.alloc(size)
    const wrong: string[] = []
    for (let i = 0; i < size && wrong.length < 3; i++) {
      if (content[i] === expected[i]) continue
      const mayBeNew = begin === 'write' && uuid === this.disk && i >= offset && i < offset + length
      if (mayBeNew && content[i] === value) expected[i] = value ?? 0
      else wrong.push(`${uuid} at ${i}: ${content[i]}, not ${expected[i]}`)
    }
    return wrong
  }
}

async function contentOf(sr: FileSr, uuid: string): Promise<Buffer> {
  await using disk = await sr.open(uuid, { write: false })
  const bytes = Buffer.alloc(size)
  await disk.read(0, bytes)
  return bytes
}

const rounds = process.env['NIXEN_LONG_TESTS'] ? 150 : 4

describe('a file SR whose process is killed', () => {
  test.each(['vhd', 'qcow2'] as const)(
    'has every %s as it was, and lists every change',
    async (format) => {
      const directory = await mkdtemp(join(tmpdir(), 'nixen-crash-'))
      const disk = newUuid()
      const model = new Model(disk)
      {
        await using sr = await FileSr.attach({ directory, log: silentLog })
        await sr.create(disk, { size, format })
        await sr.setCbt(disk, true)
      }
      for (let round = 0; round < rounds; round++) {
        const seed = Date.now() % 1_000_000
        const lines = await workAndKill(directory, { disk, seed, after: 5 + Math.floor(Math.random() * 250) })
        model.apply(lines)
        const where = `round ${round}, seed ${seed}, killed in ${JSON.stringify(model.pending)}`
        for (const name of await readdir(directory)) {
          if (name.endsWith(`.${format}`)) await run('qemu-img', ['info', join(directory, name)])
        }
        await using sr = await FileSr.attach({ directory, log: silentLog })
        const known = new Set((await sr.scan()).filter(({ managed }) => managed).map(({ uuid }) => uuid))
        const { begin, uuid: inFlight = '' } = model.pending ?? {}
        // A snapshot that was complete may be there though nobody was told; one that was being destroyed may be there or not.
        if (begin === 'snapshot' && known.has(inFlight))
          model.disks.set(inFlight, Buffer.from(model.disks.get(disk) ?? []))
        if (begin === 'destroy' && !known.has(inFlight)) model.disks.delete(inFlight)
        expect({ where, known }).toEqual({ where, known: new Set(model.disks.keys()) })
        const wrong: string[] = []
        for (const uuid of model.disks.keys()) wrong.push(...model.settle(uuid, await contentOf(sr, uuid)))
        wrong.push(...(await unlisted(sr, model)))
        for (const uuid of known) {
          for await (const finding of checkDisk(join(directory, `${uuid}.${format}`)))
            // A note is of unused space.
            if (finding.severity !== 'note') wrong.push(JSON.stringify(finding))
        }
        expect({ where, wrong }).toEqual({ where, wrong: [] })
        model.pending = undefined
        await sr.settle()
        const after = await contentOf(sr, disk)
        expect(after.equals(model.disks.get(disk) ?? Buffer.alloc(0)), `${where}, after coalescing`).toBe(true)
        // Few enough that the chain never gets too long.
        for (const uuid of [...model.disks.keys()].filter((candidate) => candidate !== disk).slice(0, -4)) {
          await sr.destroy(uuid)
          model.disks.delete(uuid)
        }
      }
      await rm(directory, { recursive: true })
    },
    // Far more than a round takes, also when other tests run beside.
    rounds * 20_000,
  )
})

/** Blocks that differ from a snapshot and are not in the list of changes. */
async function unlisted(sr: FileSr, model: Model): Promise<string[]> {
  const now = model.disks.get(model.disk) ?? Buffer.alloc(0)
  const missing: string[] = []
  for (const [uuid, bytes] of model.disks) {
    if (uuid === model.disk) continue
    const bits = await changedBlocks(uuid, model.disk, (of) => sr.cbtLog(of))
    for (let block = 0; block * cbtBlockSize < size; block++) {
      const range = [block * cbtBlockSize, (block + 1) * cbtBlockSize] as const
      const listed = ((bits[block >> 3] ?? 0) & (0x80 >> (block & 7))) !== 0
      if (!listed && !bytes.subarray(...range).equals(now.subarray(...range)))
        missing.push(`block ${block} since ${uuid}`)
    }
  }
  return missing
}
