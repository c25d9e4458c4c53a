import { fork } from 'node:child_process'
import { once } from 'node:events'
import { openAsBlob } from 'node:fs'
import { get } from 'node:http'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { exportVdi, importVdi, Xapi, type Ref } from '@nixen/xapi'
import { figure, median, type Figure } from '../figure.ts'
import { makeBenchImage } from '../image.ts'
import { MemoryWatch } from '../protect/usage.ts'
import { Release } from '../server/release.ts'

const MiB = 1024 * 1024
const rounds = 3
/** Name of a machine that the seed makes. */
const machine = 'web-prod-001'

interface DiskFound {
  readonly id: string
  readonly storage: string
  readonly size: number
}

/** A disk out of and into the pool through the server, against the same stream taken from the pool directly. */
export async function streamFigures(folder: string, scratch: string, size: number): Promise<Figure[]> {
  const image = join(scratch, 'image.raw')
  await makeBenchImage(image, { size, seed: 1 })
  const spec = { vms: 2, dataDir: join(scratch, 'pool'), images: [{ vm: machine, path: image }] }
  const pool = fork(fileURLToPath(new URL('../protect/pool.ts', import.meta.url)), [JSON.stringify(spec)])
  try {
    // What the script sends.
    const [{ url: address, fingerprint }] = (await once(pool, 'message')) as [{ url: string; fingerprint: string }]
    await using server = await Release.start(folder, { state: join(scratch, 'streams'), probe: true })
    await server.call('POST', '/connections', { kind: 'xapi', address, password: 'nixen', fingerprint })
    await using xapi = await Xapi.connect({
      url: address,
      username: 'root',
      password: 'nixen',
      tls: { kind: 'pin', fingerprint },
    })
    const disk = await diskOf(server, size)
    return await compare({ server, xapi, disk, image })
  } finally {
    const ended = once(pool, 'exit')
    pool.disconnect()
    await ended
  }
}

interface Sides {
  readonly server: Release
  readonly xapi: Xapi
  readonly disk: DiskFound
  readonly image: string
}

async function compare({ server, xapi, disk, image }: Sides): Promise<Figure[]> {
  const vdi = await xapi.client.VDI.get_by_uuid(disk.id.slice(disk.id.lastIndexOf('.') + 1))
  const { SR } = await xapi.client.VDI.get_record(vdi)
  const times = { outOurs: [] as number[], outTheirs: [] as number[], inOurs: [] as number[], inTheirs: [] as number[] }
  await using memory = new MemoryWatch(server.pid)
  for (let i = 0; i < rounds; i++) {
    times.outTheirs.push(await seconds(async () => await drain(exportVdi(xapi, vdi, { format: 'raw' }))))
    times.outOurs.push(await seconds(async () => await download(server, `/disks/${disk.id}/export?format=raw`)))
    const target = await makeDisk(xapi, SR, disk.size)
    const options = { format: 'raw', length: disk.size } as const
    const body = async () => (await openAsBlob(image)).stream() as unknown as AsyncIterable<Uint8Array>
    times.inTheirs.push(await seconds(async () => await importVdi(xapi, target, await body(), options)))
    times.inOurs.push(await seconds(async () => await upload(server, { disk, image, name: `sent ${i}` })))
  }
  const rate = (list: readonly number[]): number => disk.size / median(list) / 1e6
  return [
    figure(
      'operate',
      'disk out, raw, through the server against directly',
      'MB/s',
      rate(times.outOurs),
      rate(times.outTheirs),
    ),
    figure(
      'operate',
      'disk in, raw, through the server against directly',
      'MB/s',
      rate(times.inOurs),
      rate(times.inTheirs),
    ),
    figure('operate', 'server memory at most while disks stream', 'MB', memory.own / 1e6),
  ]
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now()
  await work()
  return (performance.now() - begun) / 1000
}

async function drain(parts: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _ of parts);
}

async function download({ url, headers }: Release, path: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  get(`${url}api/v1${path}`, { headers }, (answer) => {
    if (answer.statusCode !== 200) reject(new Error(`${path} was answered with ${answer.statusCode}`))
    answer
      .on('data', () => undefined)
      .on('end', resolve)
      .on('error', reject)
  }).on('error', reject)
  await promise
}

interface Upload {
  readonly disk: DiskFound
  readonly image: string
  readonly name: string
}

async function upload(server: Release, { disk, image, name }: Upload): Promise<void> {
  const query = new URLSearchParams({ storage: disk.storage, name, format: 'raw' })
  const answer = await fetch(`${server.url}api/v1/disks/import?${query.toString()}`, {
    method: 'POST',
    headers: { ...server.headers, 'content-type': 'application/octet-stream' },
    body: await openAsBlob(image),
  })
  if (!answer.ok) throw new Error(await answer.text())
  const { task } = (await answer.json()) as { task: string }
  for (;;) {
    const { finished, state } = (await server.call('GET', `/tasks/${task}`)) as { finished?: number; state: string }
    if (state === 'failed') throw new Error('The import failed')
    if (finished !== undefined) return
    await setTimeout(20)
  }
}

async function makeDisk(xapi: Xapi, sr: Ref<'SR'>, size: number): Promise<Ref<'VDI'>> {
  return await xapi.client.VDI.create({
    name_label: 'directly',
    SR: sr,
    virtual_size: size,
    type: 'user',
    sharable: false,
    read_only: false,
    other_config: {},
  })
}

/** The disk of the machine, once nothing uses it. */
async function diskOf(server: Release, size: number): Promise<DiskFound> {
  for (;;) {
    const { items } = (await server.call('GET', `/vms?q=name:${machine}`)) as { items: { id: string; power: string }[] }
    const [vm] = items
    if (vm?.power === 'running') await server.call('POST', `/vms/${vm.id}/hard-shutdown`, {})
    const disks = (await server.call('GET', `/disks?q=vm:${machine}`)) as { items: DiskFound[] }
    const found = disks.items.find((disk) => Math.abs(disk.size - size) < 4 * MiB)
    if (vm?.power === 'halted' && found) return found
    await setTimeout(200)
  }
}
