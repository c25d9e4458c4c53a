import fs from 'node:fs'
import fsPromises from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { find, logIn, quickToolstack, type Loose, type TestClient } from './client.ts'

// What a kill leaves is what is in the directory at that moment. So one run is enough: the directory is copied before and after each step that
// changes it, and a toolstack is started on each copy.

let scratch: string
beforeEach(() => {
  scratch = fs.mkdtempSync(join(tmpdir(), 'toolstack-moves-'))
})
afterEach(() => fs.rmSync(scratch, { recursive: true, force: true }))

/** Copies a directory around every step of `work` that changes files. The copies, oldest first. */
async function everyStep(directory: string, work: () => Promise<void>): Promise<string[]> {
  const copies: string[] = []
  let busy = false
  const keep = (): void => {
    if (busy) return
    busy = true
    const copy = join(scratch, `copy-${copies.length}`)
    original.cpSync(directory, copy, { recursive: true })
    copies.push(copy)
    busy = false
  }
  // Called on the database again.
  // oxlint-disable-next-line typescript/unbound-method
  const original = { ...fs, promises: { ...fsPromises }, exec: DatabaseSync.prototype.exec }
  const asynchronous = ['rename', 'rm', 'mkdir', 'writeFile'] as const
  const synchronous = ['mkdirSync', 'writeFileSync'] as const
  for (const name of asynchronous) {
    Object.assign(fsPromises, {
      async [name](...args: never[]) {
        keep()
        await (original.promises[name] as (...args: never[]) => Promise<unknown>)(...args)
        keep()
      },
    })
  }
  for (const name of synchronous) {
    Object.assign(fs, {
      [name](...args: never[]) {
        ;(original[name] as (...args: never[]) => unknown)(...args)
        keep()
      },
    })
  }
  DatabaseSync.prototype.exec = function exec(sql) {
    original.exec.call(this, sql)
    if (sql === 'COMMIT') keep()
  }
  syncBuiltinESMExports()
  keep()
  try {
    await work()
  } finally {
    for (const name of asynchronous) Object.assign(fsPromises, { [name]: original.promises[name] })
    for (const name of synchronous) Object.assign(fs, { [name]: original[name] })
    DatabaseSync.prototype.exec = original.exec
    syncBuiltinESMExports()
  }
  keep()
  return copies
}

const bytes = Buffer.alloc(2 * 1024 * 1024, 9)

/** A disk with data on the local storage of a host. Its UUID. */
async function addDisk(client: TestClient, host: string): Promise<string> {
  const pbds = Object.values<Loose>(await client.call('PBD.get_all_records')).filter((pbd) => pbd.host === host)
  const srs = await Promise.all(pbds.map(async ({ SR }) => [SR, await client.call('SR.get_type', SR)] as const))
  const [SR] = srs.find(([, type]) => type === 'ext') ?? []
  const vdi = await client.call('VDI.create', {
    SR,
    name_label: 'precious',
    name_description: '',
    virtual_size: bytes.length,
    type: 'user',
    sharable: false,
    read_only: false,
    other_config: {},
    sm_config: {},
    xenstore_data: {},
    tags: [],
  })
  const response = await fetch(`${client.url}/import_raw_vdi?vdi=${vdi}&session_id=${client.session}`, {
    method: 'PUT',
    body: bytes,
  })
  await response.text()
  return await client.call('VDI.get_uuid', vdi)
}

/** Whether the disk is there with its data; refuses anything in between. */
async function hasDisk(client: TestClient, uuid: string): Promise<boolean> {
  const [answer] = await client.refusal('VDI.get_by_uuid', uuid).catch(() => ['found'])
  if (answer === 'UUID_INVALID') return false
  const vdi = await client.call('VDI.get_by_uuid', uuid)
  const response = await fetch(`${client.url}/export_raw_vdi?vdi=${vdi}&session_id=${client.session}`)
  expect(response.status).toBe(200)
  expect(Buffer.from(await response.arrayBuffer()).equals(bytes)).toBe(true)
  return true
}

/** What a toolstack makes of a directory: pool by pool, how many hosts it has, and whether the disk is in it. */
async function stateOf(dataDir: string, vdi: string): Promise<{ hosts: number; disk: boolean }[]> {
  const found = []
  {
    await using toolstack = await quickToolstack({ dataDir, pools: 1 })
    for (const { url } of toolstack.pools) {
      const client = await logIn(url)
      const pbds = Object.values<Loose>(await client.call('PBD.get_all_records'))
      expect(pbds.every(({ currently_attached }) => currently_attached)).toBe(true)
      const hosts: string[] = await client.call('host.get_all')
      found.push({ hosts: hosts.length, disk: await hasDisk(client, vdi) })
    }
  }
  // Nothing is left over, and a second start finds the same.
  expect(fs.readdirSync(dataDir).filter((name) => !/^pool-\d+$|^pools\.json$|^lock$/.test(name))).toEqual([])
  return found
}

/** The states of the copies, each once. */
async function statesOf(copies: readonly string[], vdi: string): Promise<Loose[]> {
  const states: Loose[] = []
  let last = ''
  for (const copy of copies) {
    const state = await stateOf(copy, vdi)
    if (JSON.stringify(state) !== last) states.push(state)
    last = JSON.stringify(state)
  }
  return states
}

describe('a toolstack that is killed', () => {
  test('has a joining host in its old pool or in the new one, always with its disks', async () => {
    const dataDir = join(scratch, 'data')
    let vdi = ''
    let copies: string[] = []
    {
      await using toolstack = await quickToolstack({ dataDir, pools: 2 })
      const here = await logIn(toolstack.pools[1]!.url)
      for (const ref of await here.call('VLAN.get_all')) await here.call('VLAN.destroy', ref)
      const [iso] = await find(here, 'SR', (sr) => sr.shared && !sr.is_tools_sr)
      for (const pbd of await here.call('SR.get_PBDs', iso)) await here.call('PBD.unplug', pbd)
      await here.call('SR.forget', iso)
      const [host] = await here.call('host.get_all')
      vdi = await addDisk(here, host)
      copies = await everyStep(dataDir, () => here.call('pool.join', '127.0.1.1', 'root', 'nixen'))
    }
    expect(copies.length).toBeGreaterThan(5)
    expect(await statesOf(copies, vdi)).toEqual([
      [
        { hosts: 1, disk: false },
        { hosts: 1, disk: true },
      ],
      [{ hosts: 2, disk: true }],
    ])
  }, 60_000)

  test('has an ejected host in its old pool with its disks, or in its own without', async () => {
    const dataDir = join(scratch, 'data')
    let vdi = ''
    let copies: string[] = []
    {
      await using toolstack = await quickToolstack({ dataDir, hosts: 2 })
      const client = await logIn(toolstack.url)
      const [, { master }] = await find(client, 'pool')
      const hosts: string[] = await client.call('host.get_all')
      const member = hosts.find((host) => host !== master) ?? ''
      vdi = await addDisk(client, member)
      copies = await everyStep(dataDir, () => client.call('pool.eject', member))
    }
    expect(copies.length).toBeGreaterThan(5)
    expect(await statesOf(copies, vdi)).toEqual([
      [{ hosts: 2, disk: true }],
      [
        { hosts: 1, disk: false },
        { hosts: 1, disk: false },
      ],
    ])
  }, 60_000)
})

test('hosts that changed their pools are where they were after a restart, at their addresses', async () => {
  const dataDir = join(scratch, 'data')
  const fingerprints: (string | undefined)[] = []
  {
    await using toolstack = await quickToolstack({ dataDir, hosts: 3 })
    const client = await logIn(toolstack.url)
    for (const [ref, { address }] of Object.entries<Loose>(await client.call('host.get_all_records'))) {
      if (address !== '127.0.1.1') await client.call('pool.eject', ref)
    }
    const own = await logIn(toolstack.pools[1]!.url)
    await own.call('pool.join', toolstack.pools[2]!.addresses[0], 'root', 'nixen')
    fingerprints.push(toolstack.fingerprint)
    expect(toolstack.pools.map(({ addresses }) => addresses)).toEqual([['127.0.1.1'], ['127.0.1.3', '127.0.1.2']])
  }
  // More pools are asked for than there ever were: the one that is missing comes.
  await using again = await quickToolstack({ dataDir, pools: 4, hosts: 1 })
  expect(again.pools.map(({ addresses }) => addresses)).toEqual([
    ['127.0.1.1'],
    ['127.0.1.3', '127.0.1.2'],
    ['127.0.4.1'],
  ])
  expect(fingerprints).toEqual([again.fingerprint])
  await expect(logIn(again.url.replace('127.0.1.1', '127.0.1.2'))).rejects.toThrow('HOST_IS_SLAVE 127.0.1.3')
})
