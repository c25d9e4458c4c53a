// One operation of Nixen in a process of its own, as the benchmark measures it. Prints JSON.
//   ours.ts init|backup|incremental|restore|check|floor REPOSITORY [IMAGE] [TARGET or CHANGES]
import { readFileSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { backupDisks, checkRepository, LocalStorage, Repository, restoreDisk } from '@nixen/backup'
import { createDisk, openDisk, type Extent } from '@nixen/disk'
import { floorSeconds } from './floor.ts'

const [, , verb = '', directory = '', image = '', extra = ''] = process.argv
const password = process.env['RESTIC_PASSWORD'] ?? 'bench'
const workers = 2

const open = (): Promise<Repository> => Repository.open(new LocalStorage(directory), { password })

async function backup(extents?: readonly Extent[]): Promise<object> {
  const repository = await open()
  await using source = await openDisk(image, { format: 'raw' })
  const latest = extents && (await Array.fromAsync(repository.storage.list('snapshot'))).at(-1)
  const changed = extents && latest ? { parent: latest.name, extents } : undefined
  const { readBytes, newBytes, storedBytes, disks } = await backupDisks(repository, {
    host: 'bench',
    vm: {},
    disks: [{ name: 'disk', source, rawFile: image, changed }],
    workers,
  })
  return { readBytes, newBytes, storedBytes, mode: disks[0]?.mode, peakKiB: process.resourceUsage().maxRSS }
}

async function restore(): Promise<object> {
  const repository = await open()
  const { size } = await stat(image)
  await using sink = await createDisk(extra, { format: 'raw', size })
  const { writtenBytes } = await restoreDisk(repository, sink, { snapshot: 'latest', path: '/disk-disk.raw', workers })
  return { writtenBytes, peakKiB: process.resourceUsage().maxRSS }
}

async function check(): Promise<object> {
  const result = await checkRepository(await open(), { read: { kind: 'all' } })
  if (result.findings.length > 0) throw new Error(JSON.stringify(result.findings[0]))
  return { peakKiB: process.resourceUsage().maxRSS }
}

const verbs: Record<string, () => Promise<object>> = {
  init: async () => ({ id: (await Repository.init(new LocalStorage(directory), { password })).id }),
  backup: () => backup(),
  // Written by the benchmark itself.
  incremental: () => backup(JSON.parse(readFileSync(extra, 'utf8')) as Extent[]),
  restore,
  check,
  floor: async () => ({ seconds: await floorSeconds(image) }),
}
const run = verbs[verb]
if (!run) throw new TypeError(`unknown verb ${verb}`)
console.log(JSON.stringify(await run()))
