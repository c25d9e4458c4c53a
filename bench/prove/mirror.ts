import { join } from 'node:path'
import { backupDisks, LocalStorage, mirrorPoints, Repository, restoreDisk } from '@nixen/backup'
import { MiB } from '@nixen/core'
import { openDisk, type DiskSink } from '@nixen/disk'
import { figure, type Figure } from '../figure.ts'
import { makeBenchImage } from '../image.ts'

const quick = process.env['NIXEN_BENCH_QUICK'] === '1'
const size = (quick ? 512 : 2048) * MiB
const password = 'bench'

/** A mirror beside what bounds it: reading all of the source (a restore to nowhere), and writing all of the target (a first backup of the same disk). */
export async function mirror(scratch: string): Promise<Figure[]> {
  const image = join(scratch, 'disk.raw')
  const runs = await makeBenchImage(image, { size, seed: 8 })
  const data = runs.reduce((sum, { kind, length }) => sum + (kind === 'hole' ? 0 : length), 0)
  const repository = async (name: string): Promise<Repository> =>
    await Repository.init(new LocalStorage(join(scratch, name)), { password })
  const from = await repository('from')
  const write = await seconds(async () => {
    await using source = await openDisk(image, { format: 'raw' })
    await backupDisks(from, { host: 'bench', vm: {}, disks: [{ name: 'disk', source, rawFile: image }] })
  })
  const read = await seconds(async () => {
    await restoreDisk(from, nowhere(size), { snapshot: 'latest', path: '/disk-disk.raw' })
  })
  const to = await repository('to')
  const copy = await seconds(async () => void (await mirrorPoints(from, to, { tag: 'nixen:job=bench' })))
  const again = await seconds(async () => void (await mirrorPoints(from, to, { tag: 'nixen:job=bench' })))
  const rate = (time: number): number => data / 1e6 / time
  const slower = Math.min(rate(read), rate(write))
  const of = (name: string, unit: string, ours: number, peer?: number): Figure =>
    figure('prove', name, unit, ours, peer)
  const note = `the slower of reading (${rate(read).toFixed(0)} MB/s) and writing (${rate(write).toFixed(0)} MB/s) in the same run`
  return [
    { ...of('mirror of a repository, plain bytes', 'MB/s', rate(copy), slower), note },
    of('mirror with nothing new', 's', again),
  ]
}

function nowhere(bytes: number): DiskSink {
  return {
    size: bytes,
    order: 'any',
    write: () => Promise.resolve(),
    zero: () => Promise.resolve(),
    finish: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

async function seconds(work: () => Promise<void>): Promise<number> {
  const start = performance.now()
  await work()
  return (performance.now() - start) / 1000
}
