import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { backupDisks, executeConversion, LocalStorage, planConversion, Repository, XoStore } from '@nixen/backup'
import { MiB } from '@nixen/core'
import { openDisk } from '@nixen/disk'
import { XoWriter } from '../../packages/backup/test/xo-writer.ts'
import { figure, type Figure } from '../figure.ts'
import { makeBenchImage, makeChangedCopy } from '../image.ts'

const quick = process.env['NIXEN_BENCH_QUICK'] === '1'
const size = (quick ? 256 : 768) * MiB
const links = 8
const password = 'bench'

/** A chain of Xen Orchestra of eight (one full, seven with 2 % changed) beside a first backup of its newest disk, per byte that is read. */
export async function conversion(scratch: string): Promise<Figure[]> {
  const root = join(scratch, 'xo')
  const xo = new XoWriter({ root, form: 'folder' })
  await xo.init()
  const image = (index: number): string => join(scratch, `disk-${index}.raw`)
  await makeBenchImage(image(0), { size, seed: 9 })
  for (let index = 0; index < links; index++) {
    if (index > 0) await makeChangedCopy(image(index), { from: image(index - 1), fraction: 0.02, seed: index })
    await xo.delta(await readFile(image(index)))
  }
  const init = async (name: string): Promise<Repository> =>
    await Repository.init(new LocalStorage(join(scratch, name)), { password })
  const plain = await init('plain')
  let read = 0
  const backup = await seconds(async () => {
    const newest = image(links - 1)
    await using source = await openDisk(newest, { format: 'raw' })
    read = (await backupDisks(plain, { host: 'bench', vm: {}, disks: [{ name: 'disk', source }] })).readBytes
  })
  const to = await init('converted')
  let bytes = 0
  const convert = await seconds(async () => {
    const store = await XoStore.open(root)
    const plan = await planConversion(store, to)
    const { converted, failed } = await executeConversion(store, to, { plan, work: scratch })
    if (failed[0] || converted.length !== links) throw new Error(failed[0]?.what ?? 'not all were converted')
    bytes = converted.reduce((sum, one) => sum + one.readBytes, 0)
  })
  const note = 'a first backup of the newest disk from a raw file in the same run'
  return [
    {
      ...figure(
        'prove',
        'conversion of a chain of 8 of Xen Orchestra',
        'MB/s',
        bytes / 1e6 / convert,
        read / 1e6 / backup,
      ),
      note,
    },
  ]
}

async function seconds(work: () => Promise<void>): Promise<number> {
  const start = performance.now()
  await work()
  return (performance.now() - start) / 1000
}
