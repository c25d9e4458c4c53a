import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually, makeLab, type Lab, type Place } from './rig.ts'

let lab: Lab
let place: Place
beforeAll(async () => {
  lab = await makeLab()
  place = lab.place
})
afterAll(() => lab[Symbol.asyncDispose]())

/** Runs a command that has to work; gives what it prints. */
async function nixen(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await place.nixen(args)
  expect({ args, code, stderr: code === 0 ? '' : stderr }).toEqual({ args, code: 0, stderr: '' })
  return stdout
}

/** Waits until the VM called `name` is as `wanted`. */
async function becomes(name: string, wanted: Readonly<Record<string, unknown>>): Promise<void> {
  await eventually(async () => {
    const { items } = await place.ask('vm', 'list', '-q', `name:="${name}"`)
    return items.length === 1 && Object.entries(wanted).every(([key, value]) => items[0][key] === value)
  })
}

test('a VM lives its whole life by the command line alone', async () => {
  const { items: storages } = await place.ask('storage', 'list', '-q', 'content:disks', '--sort=-size')
  const storage = storages[0].id
  const { items: networks } = await place.ask('network', 'list', '-q', 'kind:external')
  const network = networks[0].id

  await nixen('cloud-config', 'create', 'Web', '#cloud-config\nhostname: {name}\n')
  await nixen('vm', 'create', 'Debian Bookworm 12', 'life', '--cloud-init', `config=Web,storage=${storage}`, '--options', 'notes=made,ha=best-effort', '--vcpus', '1', '--memory', '512MiB', '--disks', `size=64MiB,storage=${storage}`, '--nics', `network=${network}`) // prettier-ignore
  await becomes('life', { power: 'halted', vcpus: 1, memory: 512 * 1024 * 1024, notes: 'made', ha: 'best-effort' })
  await nixen('vm', 'update', 'life', '--description', 'For a test', '--tags', 'test')
  await nixen('vm', 'set-cpus', 'life', '2', '--max', '4')
  await nixen('vm', 'set-memory', 'life', '1GiB')
  await nixen('vm', 'set-boot', 'life', 'cd', '--json')
  await becomes('life', { vcpus: 2, description: 'For a test' })

  await nixen('vm', 'start', 'life')
  await becomes('life', { power: 'running' })
  const { code, stderr } = await place.nixen(['vm', 'start', 'life'])
  expect({ code: code === 0, told: stderr.includes('Only a halted or suspended VM can start') }).toEqual({
    code: false,
    told: true,
  })
  const picture = join(place.folder, 'life.png')
  await nixen('vm', 'screenshot', 'life', '-o', picture)
  expect((await readFile(picture)).subarray(1, 4).toString()).toBe('PNG')
  await nixen('vm', 'pause', 'life')
  await becomes('life', { power: 'paused' })
  await nixen('vm', 'unpause', 'life')
  await becomes('life', { power: 'running' })
  await nixen('vm', 'snapshot', 'life', '--name', 'young')
  await becomes('life', { snapshots: 1 })
  await nixen('vm', 'hard-shutdown', 'life')
  await becomes('life', { power: 'halted' })

  await nixen('disk', 'create', storage, 'more', '32MiB')
  await eventually(async () => (await place.ask('disk', 'list', '-q', 'name:="more"')).total === 1)
  await nixen('vm', 'attach-disk', 'life', 'more')
  await eventually(async () => (await place.ask('disk', 'list', '-q', 'name:="more"')).items[0].vms.length === 1)
  await nixen('vm', 'update-drive', 'life', 'more', '--boot', '--position', '9')
  await nixen('vm', 'detach-disk', 'life', 'more')
  await eventually(async () => (await place.ask('disk', 'list', '-q', 'name:="more"')).items[0].vms.length === 0)
  await nixen('disk', 'delete', 'more', '--yes')

  await nixen('snapshot', 'revert', 'young', '--no-keep')
  await becomes('life', { snapshots: 1 })
  await nixen('vm', 'clone', 'life', '--name', 'twin')
  await becomes('twin', { power: 'halted' })
  const file = join(place.folder, 'life.xva')
  await nixen('vm', 'export', 'life', '-o', file)
  expect((await stat(file)).size).toBeGreaterThan(1000)
  await nixen('vm', 'delete', 'twin', '--yes')
  await nixen('vm', 'delete', 'life', '--yes')
  await eventually(async () => (await place.ask('vm', 'list')).total === 2)

  await nixen('vm', 'import', '--file', file, '--storage', storage)
  await becomes('life', { power: 'halted' })
  await nixen('vm', 'delete', 'life', '--yes')
  await eventually(async () => (await place.ask('vm', 'list')).total === 2)
  const { items: history } = await place.ask('task', 'history', '--limit', '50')
  expect(history.filter(({ state }: { state: string }) => state !== 'succeeded')).toEqual([])
}, 120_000)
