import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { JobId, NewJob, Replica, RunDetail, StorageId, Storage } from '@nixen/api'
import { proveWorld, type ProveWorld } from './prove-world.ts'
import { eventually } from './rig.ts'

let world: ProveWorld
let target: Storage
let job: JobId

const MiB = 1024 * 1024

beforeAll(async () => {
  world = await proveWorld({ pools: 2 })
  const { client } = world.tab
  const { url: address, certificate } = await other()
  await client.connection.add({
    kind: 'xapi',
    address,
    username: 'root',
    password: 'nixen',
    fingerprint: certificate ?? '',
    name: 'Second site',
  })
  target = await eventually(async () => {
    const second = (await client.connection.list()).items.find(({ name }) => name === 'Second site')
    const all = (await client.storage.list({ limit: 1000 })).items
    return all.find(({ connection, content: of, shared }) => connection === second?.id && of === 'disks' && shared)
  })
  for (const { id, connection } of (await client.network.list({ q: 'kind:external' })).items)
    if (connection === target.connection) await world.ended((await client.network.update({ id, nbd: 'tls' })).task)
  job = (await client.job.create(replication(target.id))).id
}, 120_000)
afterAll(async () => await world[Symbol.asyncDispose]())

async function other() {
  const second = world.toolstack.pools[1]
  if (!second) throw new Error('there is one pool only')
  const probe = await world.tab.client.connection.test({ kind: 'xapi', address: second.url })
  return { url: second.url, debug: second.debugUrl ?? '', certificate: probe.certificate?.fingerprint }
}

function replication(storage: StorageId, name = 'Second site'): NewJob {
  return {
    name,
    work: { kind: 'replicate', storage, keep: 2 },
    selection: { ids: [world.vm.id] },
    limits: { retries: 0 },
  } as NewJob // What is left out has defaults.
}

async function replicate(id = job): Promise<RunDetail> {
  return await world.endedRun((await world.tab.client.job.run({ id })).run)
}

async function replica(id = job): Promise<Replica> {
  const found = (await world.tab.client.replica.list()).items.find((one) => one.job === id)
  if (!found) throw new Error('there is no replica')
  return found
}

/** SHA-256 of the first disk of a VM. */
async function content(id: string): Promise<string> {
  const [, connection, uuid] = id.split('.')
  const debug = connection === target.connection ? (await other()).debug : (world.toolstack.pools[0]?.debugUrl ?? '')
  const answer = await fetch(`${debug}/vms/${uuid}/disks/0?offset=0&length=${24 * MiB}`)
  if (!answer.ok) throw new Error(await answer.text())
  return createHash('sha256')
    .update(Buffer.from(await answer.arrayBuffer()))
    .digest('hex')
}

async function writeTo(id: string, offset: number, bytes: Uint8Array): Promise<void> {
  const [, connection, uuid] = id.split('.')
  const debug = connection === target.connection ? (await other()).debug : (world.toolstack.pools[0]?.debugUrl ?? '')
  const url = `${debug}/vms/${uuid}/disks/0?offset=${offset}`
  const answer = await fetch(url, { method: 'PUT', body: Buffer.from(bytes) })
  if (!answer.ok) throw new Error(await answer.text())
}

const summary = ({ state, items: [item] }: RunDetail) => ({ state, error: item?.error, notes: item?.notes })
const noise = (seed: string, length: number): Buffer =>
  Buffer.concat(Array.from({ length: length / 32 }, (_, at) => createHash('sha256').update(`${seed}${at}`).digest()))

describe('a replica in another pool', { timeout: 240_000 }, () => {
  test('is made whole, then only what changed goes over, and has as many restore points as are kept', async () => {
    const first = await replicate()
    expect(summary(first)).toEqual({ state: 'succeeded', error: undefined, notes: [] })
    expect(first.written).toBeGreaterThan(6 * MiB)
    const made = await replica()
    expect(made).toMatchObject({ name: 'web-prod-001 (replica)', source: world.vm.id, state: 'ready' })
    expect(made.points).toHaveLength(1)
    expect(await content(made.id)).toBe(await content(world.vm.id))

    await world.write(9 * MiB, noise('first', 65_536))
    const second = await replicate()
    expect(summary(second)).toEqual({ state: 'succeeded', error: undefined, notes: [] })
    // One block of 2 MiB, which a VHD has whole.
    expect(second.written).toBeLessThan(3 * MiB)
    expect(second.read).toBeLessThan(6 * MiB)
    expect(await content(made.id)).toBe(await content(world.vm.id))

    const third = await replicate()
    expect(summary(third)).toEqual({ state: 'succeeded', error: undefined, notes: [] })
    expect(third.written).toBe(0)
    expect((await replica()).points).toHaveLength(2)
    const leftovers = (await world.tab.client.point.leftovers({})).items
    expect(leftovers.filter(({ kept }) => !kept)).toEqual([])
    expect(leftovers.filter(({ kind }) => kind === 'disk')).toMatchObject([{ kept: true, job }])
  })

  test('is left alone by queries of jobs, and cannot be started by mistake', async () => {
    const { client } = world.tab
    const { id } = await replica()
    const everything = await client.job.preview({ ...replication(target.id), selection: { q: '', excludeTags: [] } })
    expect(everything.items.map((item) => item.id)).not.toContain(id)
    await expect(client.vm.start({ id })).rejects.toThrow('Nixen keeps this as a replica of web-prod-001')
    // The source runs.
    await expect(client.replica.start({ id })).rejects.toMatchObject({ code: 'replica.source_runs' })
  })

  test('takes the place of its source, is not written over then, and is failed back', async () => {
    const { client } = world.tab
    const { id, points } = await replica()
    await world.ended((await client.vm.hardShutdown({ id: world.vm.id })).task)
    expect(await world.ended((await client.replica.start({ id })).task)).toMatchObject({ state: 'succeeded' })
    await writeTo(id, 12 * MiB, noise('in the replica', 65_536))
    const refused = await replicate()
    expect(refused.items[0]?.error?.code).toBe('replica.diverged')
    expect(await replica()).toMatchObject({ state: 'diverged', points })

    await world.ended((await client.vm.hardShutdown({ id })).task)
    const held = await content(id)
    expect(held).not.toBe(await content(world.vm.id))
    expect((await replicate()).items[0]?.error?.message).toMatch(/was started on/)
    const back = await world.ended((await client.replica.failback({ id, start: true })).task)
    expect({ state: back.state, error: back.error }).toEqual({ state: 'succeeded', error: undefined })
    expect(await content(world.vm.id)).toBe(held)
    const lines = (await client.task.log({ id: back.id })).lines.map(({ text }) => text)
    expect(lines.join('\n')).toMatch(/ 210\d{4} bytes were written/)
    expect(await replica()).toMatchObject({ state: 'ready' })

    // All is compared, since both were written to, and nothing has to go over.
    const next = await replicate()
    expect({ state: next.state, error: next.items[0]?.error }).toMatchObject({ error: undefined })
    expect(next.written).toBe(0)
    expect(await content(id)).toBe(await content(world.vm.id))
  })

  test('without what it builds on is compared as a whole, and without itself made anew; the run says so', async () => {
    const { client } = world.tab
    const before = await replica()
    // What the host of the source kept for the next run is removed by somebody.
    const tokens = (await client.point.leftovers({})).items.filter((one) => one.kind === 'disk' && one.job === job)
    expect(tokens).toHaveLength(1)
    const uuid = tokens[0]?.native?.split(' ')[1] ?? ''
    const call = { id: world.vm.connection, method: 'VDI.destroy', args: [`uuid:VDI:${uuid}`], write: true }
    await client.connection.call(call)
    await world.write(3 * MiB, noise('second', 65_536))
    const compared = await replicate()
    expect(compared).toMatchObject({ state: 'warned' })
    expect(compared.items[0]?.notes.join(' ')).toMatch(/What the host kept of the last backup is gone/)
    expect(compared.written).toBeLessThan(5 * MiB)
    expect(await content(before.id)).toBe(await content(world.vm.id))

    await world.ended((await client.vm.delete({ id: before.id })).task)
    const again = await replicate()
    expect(summary(again)).toMatchObject({ state: 'succeeded', error: undefined })
    expect(again.written).toBeGreaterThan(6 * MiB)
    const after = await replica()
    expect(after.id).not.toBe(before.id)
    expect(await content(after.id)).toBe(await content(world.vm.id))
    await client.replica.promote({ id: after.id })
    expect((await client.replica.list()).items).toEqual([])
    await expect.poll(async () => (await client.vm.get({ id: after.id })).tags).not.toContain('nixen:replica')
  })
})
