import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Toolstack } from '@nixen/toolstack'
import { connectPool, eventually, makePlace, pool, serverIn, type Place } from './rig.ts'

// The disaster drill: the machine with Nixen is gone, and the pool with it. What is left is the repository and its password.
let site: Toolstack
let elsewhere: Toolstack
let old: Place
let fresh: Place
const disk = Buffer.alloc(8 * 1024 * 1024)
for (let at = 0; at < disk.length / 2; at += 4) disk.writeUInt32LE((at * 2_654_435_761) >>> 0, at)

beforeAll(async () => {
  old = await makePlace()
  fresh = await makePlace()
  await writeFile(join(old.folder, 'disk.raw'), disk)
  const images = [{ vm: 'web-prod-001', path: join(old.folder, 'disk.raw') }]
  site = await pool({ vms: 4, hosts: 2, seed: 7, dataDir: join(old.folder, 'site'), images })
  elsewhere = await pool({ vms: 0, hosts: 1, dataDir: join(old.folder, 'elsewhere'), debugPort: 0, seed: 99 })
})
afterAll(async () => {
  await site[Symbol.asyncDispose]()
  await elsewhere[Symbol.asyncDispose]()
  await old[Symbol.asyncDispose]()
  await fresh[Symbol.asyncDispose]()
})

/** Puts a VM and the state of Nixen into the repository, and then loses all but that. */
async function lifeBefore(repository: string, key: string): Promise<void> {
  {
    await using server = await serverIn(old)
    expect(server.port).toBeGreaterThan(0)
    await old.nixen(['user', 'create', 'grace', '--password-file', join(old.folder, 'password')])
    await connectPool(old, site, 0, 'First site')
    await eventually(async () => (await old.ask('vm', 'list', '-q', 'name:web-prod-001')).items.length === 1)
    await mkdir(repository)
    await old.ask('repository', 'create', 'nas', repository, '--password-file', key)
    const work = 'kind=backup,repositories=nas'
    await old.ask('job', 'create', 'Production', '--work', work, '--selection', 'q=name:web-prod-001')
    const own = 'kind=metadata,repositories=nas,pools=false'
    await old.ask('job', 'create', 'Metadata', '--work', own, '--selection', 'q=name:*')
    for (const job of ['Production', 'Metadata']) {
      await old.ask('job', 'run', job)
      await eventually(async () => (await old.ask('run', 'list', '--limit', '1')).items[0]?.finished !== undefined)
      const [run] = (await old.ask('run', 'list', '--limit', '1')).items
      expect({ job: run.jobName, state: run.state, summary: run.summary }).toMatchObject({
        job,
        state: expect.stringMatching(/succeeded|warned/),
      })
    }
  }
  await rm(old.state, { recursive: true })
}

test(
  'a new Nixen with the repository and its password alone has all restore points, and itself again',
  { timeout: 300_000 },
  async () => {
    const repository = join(old.folder, 'repository')
    const key = join(fresh.folder, 'repository-password')
    await writeFile(key, 'the key on paper in the safe\n')
    await lifeBefore(repository, key)

    {
      // An empty Nixen, and a pool that has never seen the VM.
      await using server = await serverIn(fresh)
      expect(server.port).toBeGreaterThan(0)
      await fresh.ask('repository', 'create', 'found', repository, '--mode', 'existing', '--password-file', key)
      await connectPool(fresh, elsewhere, 0, 'Elsewhere')
      await eventually(async () => (await fresh.ask('point', 'list')).items.length === 2)
      await eventually(async () => (await fresh.ask('storage', 'list', '-q', 'content:disks')).items.length > 0)
      const [point] = (await fresh.ask('point', 'list', '-q', 'name:web-prod-001')).items
      const [storage] = (await fresh.ask('storage', 'list', '-q', 'content:disks')).items
      const restored = await fresh.nixen([
        'point',
        'restore',
        point.id,
        '--storage',
        storage.id,
        '--identity',
        'same',
        '--wait',
      ])
      expect(restored).toMatchObject({ code: 0 })
      const [vm] = (await fresh.ask('vm', 'list', '-q', 'name:web-prod-001')).items
      const debug = elsewhere.pools[0]?.debugUrl ?? ''
      // What was found elsewhere is proved there, and given to whoever speaks NBD.
      const check = ['point', 'verify', point.id, '--storage', storage.id, '--connection', vm.connection]
      const checked = await fresh.nixen([...check, '--demand', 'running', '--settle', '1s', '--wait'])
      expect(checked).toMatchObject({ code: 0 })
      const [record] = (await fresh.ask('point', 'checks', point.id)).items
      expect(record).toMatchObject({ state: 'passed', picture: true })
      const picture = join(fresh.folder, 'picture.png')
      await fresh.nixen(['point', 'picture', point.id, record.id, '--out', picture])
      expect((await readFile(picture)).subarray(1, 4).toString()).toBe('PNG')
      const { export: given } = await fresh.ask('point', 'export', point.id)
      expect((await fresh.ask('export', 'list')).items).toMatchObject([{ id: given.id, state: 'serving' }])
      expect(await fresh.nixen(['export', 'remove', given.id])).toMatchObject({ code: 0 })
      const answer = await fetch(`${debug}/vms/${vm.id.split('.')[2]}/disks/0?offset=0&length=${disk.length}`)
      expect(Buffer.compare(Buffer.from(await answer.arrayBuffer()), disk)).toBe(0)
    }

    // And Nixen itself, as it was: people, jobs, connections, what the repository is called.
    const state = join(fresh.folder, 'recovered')
    const wrong = join(fresh.folder, 'wrong')
    await writeFile(wrong, 'not the key\n')
    const flags = ['--repo', repository, '--state', state]
    const refused = await fresh.nixen(['state', 'recover', ...flags, '--password-file', wrong])
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/password/i) })
    const recovered = await fresh.nixen(['state', 'recover', ...flags, '--password-file', key])
    expect(recovered).toMatchObject({ code: 0 })
    expect(recovered.stdout).toContain('Recovered the state of')
    const again = { ...fresh, state, env: { ...fresh.env, NIXEN_STATE_DIR: state } }
    await using server = await serverIn(again)
    expect(server.setUpUrl).toBeUndefined()
    const ask = async (...args: string[]) => {
      const { code, stdout, stderr } = await fresh.nixen([...args, '--json'], { env: { NIXEN_STATE_DIR: state } })
      if (code !== 0) throw new Error(stderr)
      return JSON.parse(stdout)
    }
    const names = (list: { items: readonly { name: string }[] }) => list.items.map(({ name }) => name).toSorted()
    expect(names(await ask('job', 'list'))).toEqual(['Metadata', 'Production'])
    expect(names(await ask('connection', 'list'))).toEqual(['First site'])
    expect(names(await ask('repository', 'list'))).toEqual(['nas'])
    expect(names(await ask('user', 'list'))).toContain('grace')
    await eventually(async () => (await ask('point', 'list')).items.length === 2)
  },
)
