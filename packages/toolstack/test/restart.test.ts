import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { startToolstack } from '../src/index.ts'
import { find, logIn, quickToolstack, type Loose, type TestClient } from './client.ts'

let dataDir: string
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'toolstack-'))
})
afterEach(() => rm(dataDir, { recursive: true, force: true }))

async function everything(client: TestClient): Promise<Loose> {
  const batch = await client.call('event.from', ['*'], '', 0)
  const kept = batch.events.filter((event: Loose) => event.class !== 'task')
  // The order of a set means nothing, and is not kept.
  const sorted = (_key: string, value: unknown): unknown =>
    Array.isArray(value) ? value.map(String).toSorted(compare) : value
  return JSON.parse(JSON.stringify(Object.fromEntries(kept.map((event: Loose) => [event.ref, event.snapshot])), sorted))
}

async function start(): Promise<{ child: ChildProcess; url: string }> {
  const script = fileURLToPath(new URL('restart-child.ts', import.meta.url))
  const child = spawn(process.execPath, [script, dataDir], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [url] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  return { child, url }
}

const compare = (a: string, b: string): number => (a < b ? -1 : Number(a > b))

describe('the state', () => {
  test('is the same after a restart, and tokens go on', async () => {
    const first = await quickToolstack({ dataDir, vms: 8 })
    const client = await logIn(first.url)
    const [vm] = await find(client, 'VM', (each) => each.power_state === 'Halted' && !each.is_a_template)
    await client.call('VM.start', vm, false, false)
    await client.call('VM.add_tags', vm, 'kept')
    const before = await everything(client)
    // Counted among the changes, and not kept.
    for (let i = 0; i < 20; i++) await logIn(first.url)
    const { token } = await client.call('event.from', ['nothing'], '', 0)
    await first[Symbol.asyncDispose]()
    await using second = await quickToolstack({ dataDir, vms: 8 })
    const again = await logIn(second.url)
    expect(await everything(again)).toEqual(before)
    expect((await again.call('event.from', ['vm'], token, 0)).events).toEqual([])
    await again.call('VM.add_tags', vm, 'new')
    expect((await again.call('event.from', ['vm'], token, 0)).events).toHaveLength(1)
  })

  test('holds every answered call after kill -9', async () => {
    const { child, url } = await start()
    const client = await logIn(url)
    const [vm] = await find(client, 'VM', (each) => !each.is_a_template && !each.is_control_domain)
    const answered: string[] = []
    // Many at once, so that the kill hits in the middle of some.
    const work = Array.from({ length: 400 }, async (_, i) => {
      await client.call('VM.add_tags', vm, `tag-${i}`)
      answered.push(`tag-${i}`)
      if (answered.length === 150) child.kill('SIGKILL')
    })
    await Promise.allSettled(work)
    expect(answered.length).toBeGreaterThanOrEqual(150)
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    await using again = await startToolstack({ dataDir, tls: false, waits: false, hosts: 2, vms: 20, seed: 5 })
    const other = await logIn(again.url)
    expect(await other.call('VM.get_tags', vm)).toEqual(expect.arrayContaining(answered))
    const { valid_ref_counts } = await other.call('event.from', ['nothing'], '', 0)
    expect(valid_ref_counts.host).toBe(2)
  })

  test('has every host up after a restart, also one that had lost its power', async () => {
    const first = await quickToolstack({ dataDir, hosts: 2 })
    const client = await logIn(first.url)
    const { master } = Object.values(await client.call('pool.get_all_records'))[0] as Loose
    const uuidOfMaster = await client.call('host.get_uuid', master)
    const [host, { uuid }] = await find(client, 'host', (each) => each.uuid !== uuidOfMaster)
    await first.pools[0]?.killHost(uuid)
    expect(await client.refusal('host.enable', host)).toEqual(['HOST_NOT_LIVE'])
    await first[Symbol.asyncDispose]()
    await using second = await quickToolstack({ dataDir, hosts: 2 })
    const again = await logIn(second.url)
    const { metrics, enabled } = await again.call('host.get_record', host)
    expect({ enabled, ...(await again.call('host_metrics.get_record', metrics)) }).toMatchObject({
      enabled: true,
      live: true,
    })
    const attached = ({ host: of, currently_attached: on }: Loose): boolean => of !== host || on
    expect(Object.values(await again.call('PBD.get_all_records')).every(attached)).toBe(true)
  })

  test('is used by one process at a time', async () => {
    await using first = await quickToolstack({ dataDir })
    expect(first.pools).toHaveLength(1)
    await expect(quickToolstack({ dataDir })).rejects.toMatchObject({ code: 'toolstack.state_in_use' })
    await first[Symbol.asyncDispose]()
    await using second = await quickToolstack({ dataDir })
    expect(second.pools).toHaveLength(1)
  })

  test('can not be read by an older version', async () => {
    await using first = await quickToolstack({ dataDir })
    await first[Symbol.asyncDispose]()
    const { DatabaseSync } = await import('node:sqlite')
    const file = new DatabaseSync(join(dataDir, 'pool-1', 'state.sqlite'))
    file.exec("UPDATE meta SET value = '99' WHERE key = 'layout'")
    file.close()
    await expect(quickToolstack({ dataDir })).rejects.toMatchObject({ code: 'toolstack.state_newer' })
  })
})

test('hosts of a kept state move to the addresses asked for', async () => {
  await using first = await quickToolstack({ dataDir })
  await first[Symbol.asyncDispose]()
  await using second = await quickToolstack({ dataDir, listen: ['127.0.99.1'] })
  expect(new URL(second.url).hostname).toBe('127.0.99.1')
  const client = await logIn(second.url)
  expect((await find(client, 'PIF', (pif) => pif.management))[1].IP).toBe('127.0.99.1')
})
