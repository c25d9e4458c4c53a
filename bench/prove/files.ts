import { execFile } from 'node:child_process'
import { createCipheriv } from 'node:crypto'
import { mkdir, truncate, writeFile } from 'node:fs/promises'
import { request, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { backupDisks, LocalStorage, Repository } from '@nixen/backup'
import { MiB, silentLog } from '@nixen/core'
import { openDisk } from '@nixen/disk'
import { WorkerPool } from '../../packages/server/src/worker/worker-pool.ts'
import { figure, median, type Figure } from '../figure.ts'

const many = 100_000
const perFolder = 1000
const bigSize = 100 * MiB
const password = 'bench'
const run = promisify(execFile)

/** Files in a restore point: a list of 100,000, a search among them, and one of 100 MiB, through worker and sandbox as a user gets them. */
export async function files(scratch: string): Promise<Figure[]> {
  const image = await makeImage(scratch)
  const snapshot = await backUp(scratch, image)
  await using pool = new WorkerPool({ log: silentLog })
  const location = join(scratch, 'repository')
  const place = { key: location, name: 'bench', access: { location, password, cacheFile: join(scratch, 'cache') } }
  const list = async (): Promise<number> =>
    await seconds(async () => {
      let count = 0
      const input = { snapshot, path: '/', name: '*', limit: 2 * many }
      await pool.run('searchFiles', place, input, { items: (some) => void (count += some.length) })
      if (count < many) throw new Error(`${count} files were found`)
    })
  const first = await list()
  const again = median([await list(), await list(), await list()])
  const folder = median(
    await times(5, async () => void (await pool.run('listFiles', place, { snapshot, path: '/d00', limit: 10_000 }))),
  )
  const read = median(await times(3, async () => await readBig(pool, { place, snapshot, scratch })))
  const peer = median(await times(3, async () => void (await run('debugfs', ['-R', 'dump /big.bin /dev/null', image]))))
  const of = (name: string, unit: string, ours: number, other?: number): Figure =>
    figure('prove', name, unit, ours, other)
  return [
    of('list of 100,000 files, first (a new process, nothing cached)', 's', first),
    of('list of 100,000 files, again', 's', again),
    of('list of one directory of 1,000 files', 's', folder),
    {
      ...of('one file of 100 MiB, downloaded', 'MB/s', bigSize / 1e6 / read, bigSize / 1e6 / peer),
      note: 'debugfs on the raw image, without a repository',
    },
  ]
}

async function makeImage(scratch: string): Promise<string> {
  const tree = join(scratch, 'tree')
  for (let index = 0; index < many; index += perFolder) {
    const folder = join(tree, `d${String(index / perFolder).padStart(2, '0')}`)
    await mkdir(folder, { recursive: true })
    await Promise.all(
      Array.from({ length: perFolder }, (_, one) => writeFile(join(folder, `file-${one}.txt`), String(one))),
    )
  }
  // Half of it can be compressed, as files go.
  const big = Buffer.alloc(bigSize, 'text of a file ')
  createCipheriv('aes-256-ctr', Buffer.alloc(32), Buffer.alloc(16))
    .update(Buffer.alloc(bigSize / 2))
    .copy(big)
  await writeFile(join(tree, 'big.bin'), big)
  const image = join(scratch, 'disk.raw')
  await writeFile(image, '')
  await truncate(image, 1024 * MiB)
  await run('mke2fs', ['-q', '-t', 'ext4', '-N', '150000', '-d', tree, image])
  return image
}

async function backUp(scratch: string, image: string): Promise<string> {
  const location = join(scratch, 'repository')
  const repository = await Repository.init(new LocalStorage(location), { password })
  await using source = await openDisk(image, { format: 'raw' })
  const { snapshot } = await backupDisks(repository, {
    host: 'bench',
    vm: {},
    disks: [{ name: 'disk', source, rawFile: image }],
  })
  return snapshot.id
}

async function readBig(
  pool: WorkerPool,
  { place, snapshot, scratch }: { place: Parameters<WorkerPool['run']>[1]; snapshot: string; scratch: string },
): Promise<void> {
  const socketPath = join(scratch, 'socket')
  const stop = new AbortController()
  const listening = Promise.withResolvers<void>()
  const input = { snapshot, paths: ['/big.bin'], format: 'raw', socketPath } as const
  const sending = pool.run('sendFiles', place, input, { signal: stop.signal, items: () => listening.resolve() })
  sending.catch((error: unknown) => listening.reject(error))
  await listening.promise
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  request({ socketPath }, resolve).on('error', reject).end()
  let size = 0
  for await (const part of (await promise) as AsyncIterable<Uint8Array>) size += part.length
  if (size !== bigSize) throw new Error(`${size} bytes came`)
  stop.abort()
  await sending.catch(() => undefined)
}

async function seconds(work: () => Promise<void>): Promise<number> {
  const start = performance.now()
  await work()
  return (performance.now() - start) / 1000
}

async function times(count: number, work: () => Promise<void>): Promise<number[]> {
  const all: number[] = []
  for (let index = 0; index < count; index++) all.push(await seconds(work))
  return all
}
