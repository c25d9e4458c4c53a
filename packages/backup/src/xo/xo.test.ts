import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { diskOf, initRepository, restic, temporaryDirectory } from '../../test/support.ts'
import { fingerprint, XoWriter, type XoWriterOptions } from '../../test/xo-writer.ts'
import {
  executeConversion,
  findConfig,
  planConfig,
  planConversion,
  restorePointDisk,
  XoStore,
  type Repository,
} from '../index.ts'

const key = '0123456789abcdef0123456789abcdef'
let work: Awaited<ReturnType<typeof temporaryDirectory>>
let root = ''
let target = ''
let repository: Repository
beforeEach(async () => {
  work = await temporaryDirectory()
  root = join(work.path, 'xo')
  target = join(work.path, 'nixen')
  repository = await initRepository(target)
})
afterEach(async () => {
  await repository[Symbol.asyncDispose]()
  await work[Symbol.asyncDispose]()
})

/** States of a disk of 9.5 MiB, one after the other. */
function states(count: number): Buffer[] {
  const list = [Buffer.from(diskOf(`tt0rr0${'t'.repeat(58)}${'0'.repeat(60)}rrrr0000${'a'.repeat(20)}`, 1))]
  for (let index = 1; index < count; index++) {
    const next = Buffer.from(list[index - 1] ?? Buffer.alloc(0))
    next.fill(
      index,
      (index * 7 * 65_536) % (next.length - 65_536),
      ((index * 7 * 65_536) % (next.length - 65_536)) + 5000,
    )
    list.push(next)
  }
  return list
}

/** What the writer says of a backup that it wrote. */
type Delta = Awaited<ReturnType<XoWriter['delta']>>

async function writer(options: Partial<XoWriterOptions> = {}): Promise<XoWriter> {
  const made = new XoWriter({ root, ...options })
  await made.init()
  return made
}

async function convert(options: { key?: string } = {}) {
  const store = await XoStore.open(root, options)
  const plan = await planConversion(store, repository)
  return { plan, ...(await executeConversion(store, repository, { plan, work: work.path, workers: 1 })) }
}

async function diskIn(snapshot: string, vdi: string): Promise<Buffer> {
  const disk = await restorePointDisk(repository, { snapshot, path: `/disk-${vdi}.raw` })
  const bytes = Buffer.alloc(disk.size)
  await disk.read(0, bytes)
  return bytes
}

const forms: readonly [string, Partial<XoWriterOptions>, { key?: string }][] = [
  ['VHD files', { form: 'file' }, {}],
  ['VHD folders', { form: 'folder' }, {}],
  ['VHD folders with brotli', { form: 'folder', compression: 'brotli' }, {}],
  ['VHD folders with gzip, encrypted (ChaCha20)', { compression: 'gzip', cipher: 'chacha20-poly1305', key }, { key }],
  ['VHD folders, encrypted (AES)', { cipher: 'aes-256-gcm', key }, { key }],
]

describe.each(forms)('a chain of %s', (_name, options, opening) => {
  test('becomes restore points with the same bytes, and of later ones only changes are read', async () => {
    const xo = await writer(options)
    const contents = states(3)
    for (const bytes of contents) await xo.delta(bytes)
    const before = await fingerprint(root)
    const { converted, failed } = await convert(opening)
    expect(failed).toEqual([])
    for (const [index, { snapshot }] of converted.entries()) {
      expect((await diskIn(snapshot, xo.vdi)).equals(contents[index] ?? Buffer.alloc(0))).toBe(true)
    }
    const [first, second] = converted
    expect(second?.readBytes ?? 0).toBeLessThan((first?.readBytes ?? 0) / 2)
    expect(await fingerprint(root)).toBe(before)
    // What was converted is not converted again.
    const again = await convert(opening)
    expect(again.plan.steps.map(({ state }) => state)).toEqual(['present', 'present', 'present'])
    expect(again.converted).toEqual([])
  })
})

describe.each(['none', 'gzip', 'zstd'] as const)('a full backup, compression %s', (compression) => {
  test.each([false, true])('becomes a restore point with the same bytes; encrypted: %s', async (isSealed) => {
    const xo = await writer(isSealed ? { cipher: 'chacha20-poly1305', key } : {})
    const [bytes = Buffer.alloc(0)] = states(1)
    await xo.full(bytes, compression)
    const { converted, failed } = await convert(isSealed ? { key } : {})
    expect(failed).toEqual([])
    expect((await diskIn(converted[0]?.snapshot ?? '', xo.vdi)).equals(bytes)).toBe(true)
  })
})

test('the restore point says how the VM was set up', async () => {
  const xo = await writer()
  await xo.delta(states(1)[0] ?? Buffer.alloc(0))
  const { converted } = await convert()
  const snapshot = converted[0]?.snapshot ?? ''
  // restic reads what was made.
  expect((await restic(target, 'dump', snapshot, `/disk-${xo.vdi}.raw`)).equals(states(1)[0] ?? Buffer.alloc(0))).toBe(
    true,
  )
  const vm = JSON.parse((await restic(target, 'dump', snapshot, '/vm.json')).toString()) as Record<string, unknown>
  expect(vm).toMatchObject({
    format: 'nixen.point/1',
    config: {
      format: 'nixen.vm/1',
      name: 'web-01',
      key: xo.vm,
      cpus: 2,
      memory: 1_073_741_824,
      firmware: 'uefi',
      disks: [{ key: xo.vdi, position: '0', bootable: true, size: states(1)[0]?.length }],
      nics: [{ mac: '00:16:3e:00:00:01', network: { name: 'LAN', vlan: 7 } }],
      native: { vm: { name_label: 'web-01' } },
    },
  })
})

describe('faults', () => {
  test('a chain without its base is named, and other chains are converted', async () => {
    const xo = await writer()
    const contents = states(3)
    const made: Delta[] = []
    for (const bytes of contents) made.push(await xo.delta(bytes))
    const base = made[0]?.image ?? ''
    await rename(join(root, base), join(root, `${base}.away`))
    const other = await writer()
    await other.delta(contents[0] ?? Buffer.alloc(0))
    const { plan, converted } = await convert()
    const impossible = plan.steps.filter(({ state }) => state === 'impossible')
    expect(impossible).toHaveLength(3)
    expect(impossible[1]?.because[0]).toContain(`it builds on ${base}, which is not there`)
    expect(converted.map(({ backup }) => backup.vm)).toEqual([other.vm])
  })

  test('a chain whose middle was replaced is not mixed up', async () => {
    const xo = await writer({ form: 'file' })
    const made: Delta[] = []
    for (const bytes of states(3)) made.push(await xo.delta(bytes))
    const stranger = await writer({ form: 'file' })
    const { image } = await stranger.delta(states(1)[0] ?? Buffer.alloc(0))
    await writeFile(join(root, made[1]?.image ?? ''), await readFile(join(root, image)))
    const { plan } = await convert()
    const last = plan.steps.find(({ backup }) => backup.file === made[2]?.json)
    expect(last?.because[0]).toContain('is another image than the one that is built on')
  })

  test('a merge that was interrupted: the backup that it made whole is had, the one that it takes away is named', async () => {
    const xo = await writer()
    const contents = states(3)
    const made: Delta[] = []
    for (const bytes of contents) made.push(await xo.delta(bytes))
    const [first, second, third] = made
    // One block of the second was moved into the first, whose list of blocks does not know it yet.
    const name = (image: string | undefined): string => image?.split('/').at(-1) ?? ''
    const data = (image: string | undefined): string =>
      join(root, xo.vdiFolder, 'data', name(image).replace('.alias.vhd', '.vhd'))
    const state = { child: {}, parent: {}, chain: [name(first?.image), name(second?.image)], step: 'mergeBlocks' }
    await writeFile(join(root, xo.vdiFolder, `.${name(first?.image)}.merge.json`), JSON.stringify(state))
    await rename(join(data(second?.image), 'blocks/0/0'), join(data(first?.image), 'blocks/0/0'))
    const { plan, converted, failed } = await convert()
    expect(failed).toEqual([])
    expect(plan.steps[0]).toMatchObject({ state: 'impossible' })
    expect(plan.steps[0]?.because[0]).toContain('being merged into the next backup')
    expect(converted.map(({ backup }) => backup.time)).toEqual([second?.time, third?.time])
    for (const [index, { snapshot }] of converted.entries()) {
      expect((await diskIn(snapshot, xo.vdi)).equals(contents[index + 1] ?? Buffer.alloc(0))).toBe(true)
    }
  })

  test('a merge that was interrupted before names were changed: the merged image stands in for the last one', async () => {
    const xo = await writer()
    const contents = states(3)
    const made: Delta[] = []
    for (const bytes of contents) made.push(await xo.delta(bytes))
    const [first, second, third] = made
    const name = (image: string | undefined): string => image?.split('/').at(-1) ?? ''
    const data = (image: string | undefined): string =>
      join(root, xo.vdiFolder, 'data', name(image).replace('.alias.vhd', '.vhd'))
    // All blocks of the second are in the first, and its alias is gone.
    for (const block of await readdir(join(data(second?.image), 'blocks/0'))) {
      await rename(join(data(second?.image), 'blocks/0', block), join(data(first?.image), 'blocks/0', block))
    }
    await rm(join(root, second?.image ?? ''))
    const state = { child: {}, parent: {}, chain: [name(first?.image), name(second?.image)], step: 'cleanup' }
    await writeFile(join(root, xo.vdiFolder, `.${name(first?.image)}.merge.json`), JSON.stringify(state))
    const { plan, converted } = await convert()
    expect(plan.steps.map((step) => step.state)).toEqual(['impossible', 'convert', 'convert'])
    expect(converted.map(({ backup }) => backup.time)).toEqual([second?.time, third?.time])
    for (const [index, { snapshot }] of converted.entries()) {
      expect((await diskIn(snapshot, xo.vdi)).equals(contents[index + 1] ?? Buffer.alloc(0))).toBe(true)
    }
  })

  test.each([
    ['no key', {}, 'is encrypted (chacha20-poly1305). Give its key'],
    ['another key', { key: key.replace('0', 'f') }, 'The key does not open'],
    ['a key of another length', { key: 'short' }, 'The key does not open'],
  ])('%s is refused with a sentence', async (_name, opening, sentence) => {
    const xo = await writer({ cipher: 'chacha20-poly1305', key })
    await xo.delta(states(1)[0] ?? Buffer.alloc(0))
    await expect(XoStore.open(root, opening)).rejects.toThrow(sentence)
  })

  test('a flipped bit of an encrypted block is noticed, and other backups are made', async () => {
    const xo = await writer({ cipher: 'chacha20-poly1305', key })
    await xo.delta(states(1)[0] ?? Buffer.alloc(0))
    const block = join(root, xo.vdiFolder, 'data/20260101T023000Z.vhd/blocks/0/0')
    const bytes = await readFile(block)
    bytes[100] = (bytes[100] ?? 0) ^ 1
    await writeFile(block, bytes)
    await xo.delta(states(2)[1] ?? Buffer.alloc(0), { full: true })
    const { converted, failed } = await convert({ key })
    expect(failed[0]?.what).toContain('its seal does not fit')
    expect(converted).toHaveLength(1)
  })

  test('a reference that leads out of the repository is not followed', async () => {
    const xo = await writer()
    const { image } = await xo.delta(states(1)[0] ?? Buffer.alloc(0))
    await writeFile(join(root, image), '../../../../../../../etc')
    const { plan } = await convert()
    expect(plan.steps[0]?.because[0]).toContain('outside of the repository')
  })

  test('a description that is broken is named and hides no other one', async () => {
    const xo = await writer()
    const { json } = await xo.delta(states(1)[0] ?? Buffer.alloc(0))
    await writeFile(join(root, json.replace('2026', '2025')), '{ "mode": ')
    const { plan } = await convert()
    expect(plan.problems).toMatchObject([{ file: json.replace('2026', '2025') }])
    expect(plan.steps).toHaveLength(1)
  })

  test('a folder that is none is named', async () => {
    await rm(root, { recursive: true, force: true })
    await expect(XoStore.open(work.path)).rejects.toThrow('There is no backup of Xen Orchestra')
  })
})

test('jobs, schedules, remotes and users become a plan to look at', async () => {
  const xo = await writer()
  const config = {
    jobs: [
      {
        id: 'j1',
        name: 'nightly',
        type: 'backup',
        mode: 'delta',
        remotes: { id: 'r1' },
        vms: { type: 'VM', power_state: 'Running', tags: { __or: [['prod'], ['db']] } },
        settings: {
          '': { concurrency: 3, reportWhen: 'always', fullInterval: 20 },
          s1: { exportRetention: 7, longTermRetention: { weekly: { retention: 4 } } },
        },
      },
      { id: 'j2', name: 'copy', type: 'mirrorBackup' },
    ],
    schedules: [
      { id: 's1', jobId: 'j1', name: 'Every Night', cron: '0 2 * * *', timezone: 'Europe/Paris', enabled: true },
    ],
    remotes: [{ id: 'r1', name: 'NAS', url: 'nfs://nas.example:/export?useVhdDirectory=true' }],
    users: [{ email: 'ada@example.org', permission: 'admin', pw_hash: 'secret' }],
    plugins: [{ id: 'ldap' }],
  }
  await xo.write('xo-config-backups/s9/20260101T000000Z/data.json', JSON.stringify(config))
  const found = await findConfig(await XoStore.open(root))
  const plan = planConfig(found?.file ?? '', found?.config)
  expect(plan.steps.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
    'repository NAS',
    'job nightly',
    'job copy',
    'user ada@example.org',
  ])
  expect(plan.steps[1]?.becomes).toMatchObject({
    work: { kind: 'backup', repositories: ['NAS'] },
    selection: { q: 'power:running (tag:"prod" or tag:"db")', excludeTags: [] },
    schedules: [
      { name: 'every-night', cron: '0 2 * * *', timeZone: 'Europe/Paris', enabled: true, keep: { last: 7, weekly: 4 } },
    ],
    limits: { atOnce: 3 },
    report: 'always',
  })
  expect(JSON.stringify(plan)).not.toContain('secret')
  expect(plan.notes).toEqual(['1 of "plugins" are not taken over.'])
})
