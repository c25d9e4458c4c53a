import { once } from 'node:events'
import {
  formatId,
  type DiskId,
  type ResourceId,
  type SnapshotId,
  type StorageId,
  type TemplateId,
  type Vm,
  type VmId,
} from '@nixen/api'
import { MiB } from '@nixen/core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Reader } from '../../src/conformance/reader.ts'
import { libvirtProvider, type ActionTask, type ProviderSession } from '../../src/index.ts'
import { idOf, LibvirtWorld, specOf } from './world.ts'

let world: LibvirtWorld
let reader: Reader
let session: ProviderSession
let storage: StorageId

const task: ActionTask = {
  signal: new AbortController().signal,
  progress: () => undefined,
  bytes: () => undefined,
  log: () => undefined,
  undo: async () =>
    await Promise.resolve({ update: async () => await Promise.resolve(), forget: async () => await Promise.resolve() }),
  session: () => session,
}

beforeAll(async () => {
  world = await LibvirtWorld.start()
  reader = new Reader({ provider: libvirtProvider, spec: specOf(world.daemon) })
  await reader.until(() => reader.synced > 0, { within: 60_000 })
  session = reader.keeper.session
  const found = [...reader.objects.values()].find((object) => object.id.startsWith('storage.'))
  // Its id says what it is.
  storage = found?.id as StorageId
})

afterAll(async () => {
  await reader?.[Symbol.asyncDispose]()
  await world?.[Symbol.asyncDispose]()
})

/** What the inventory tells of an object, as soon as it is as wanted. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller says what the object is
async function sees<T>(id: ResourceId, wanted: (object: T) => boolean): Promise<void> {
  // The caller knows the type of the id.
  await expect.poll(() => wanted(reader.objects.get(id) as T), { timeout: 20_000 }).toBe(true)
}

let count = 0
async function machine(more = ''): Promise<VmId> {
  const name = `act-${++count}`
  const dom = await world.define(name, [await world.disk(`${name}.qcow2`, 2 * MiB)], more)
  const id = idOf(dom.uuid)
  await sees<Vm | undefined>(id, (vm) => vm !== undefined)
  return id
}

// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- as above
const only = <T extends ResourceId>(result: { readonly made?: readonly ResourceId[] } | undefined | void): T =>
  result?.made?.[0] as T

describe('actions', () => {
  test('switch VMs on and off', async () => {
    const id = await machine()
    const { vm } = session.actions
    const becomes = async (power: Vm['power'], work: Promise<unknown>): Promise<void> => {
      await work
      await sees<Vm>(id, (one) => one.power === power)
    }
    await becomes('paused', vm.start({ id, paused: true }, task))
    await becomes('running', vm.unpause({ id }, task))
    await expect(vm.start({ id, paused: false }, task)).rejects.toMatchObject({ code: 'vm.bad_power_state' })
    await becomes('paused', vm.pause({ id }, task))
    await becomes('suspended', vm.suspend({ id }, task))
    await becomes('paused', vm.resume({ id }, task))
    await becomes('halted', vm.hardShutdown({ id }, task))
  })

  test('change what a VM is', async () => {
    const id = await machine()
    const { vm } = session.actions
    await vm.update(
      {
        id,
        name: `renamed-${count}`,
        description: 'Described.',
        tags: ['b', 'a'],
        notes: '# Notes',
        fields: { owner: 'ada' },
        blocked: { delete: 'mine' },
      },
      task,
    )
    await vm.setCpus({ id, count: 2, max: 4 }, task)
    await vm.setMemory({ id, size: 32 * MiB }, task)
    await vm.setBoot({ id, order: ['network', 'disk'] }, task)
    await sees<Vm>(
      id,
      (one) => one.vcpus === 2 && one.vcpusMax === 4 && one.memory === 32 * MiB && one.fields?.['owner'] === 'ada',
    )
    expect(reader.objects.get(id)).toMatchObject({
      name: `renamed-${count}`,
      description: 'Described.',
      tags: ['a', 'b'],
      notes: '# Notes',
      blocked: { delete: 'mine' },
    })
    await expect(vm.update({ id, ha: 'restart' }, task)).rejects.toMatchObject({ code: 'connection.unsupported' })
  })

  test('plug disks while a VM runs, and resize them', async () => {
    const ports = Array.from({ length: 4 }, () => `<controller type='pci' model='pcie-root-port'/>`).join('')
    const id = await machine(`<controller type='pci' index='0' model='pcie-root'/>${ports}`)
    const { vm, disk } = session.actions
    const made = only<DiskId>(
      await disk.create({ storage, name: 'second', size: 2 * MiB, description: '', shareable: false }, task),
    )
    await vm.start({ id, paused: false }, task)
    await vm.attachDisk({ id, disk: made, readOnly: false, boot: false }, task)
    await sees<Vm>(id, ({ drives }) => drives.some((drive) => drive.disk === made && drive.attached === true))
    await expect(disk.delete({ id: made }, task)).rejects.toMatchObject({ code: 'disk.in_use' })
    await disk.resize({ id: made, size: 4 * MiB }, task)
    await sees<{ size: number }>(made, ({ size }) => size === 4 * MiB)
    await vm.hardShutdown({ id }, task)
    await vm.detachDisk({ id, disk: made }, task)
    await disk.delete({ id: made }, task)
    await sees<unknown>(made, (one) => one === undefined)
  })

  test('take snapshots, go back, and remove them', async () => {
    const id = await machine()
    const { vm, snapshot } = session.actions
    const made = only<SnapshotId>(await vm.snapshot({ id, name: 'before', quiesce: false }, task))
    await sees<{ name: string } | undefined>(made, (one) => one?.name === 'before')
    await snapshot.revert({ id: made, keep: false, start: false }, task)
    await snapshot.delete({ id: made }, task)
    await sees<unknown>(made, (one) => one === undefined)
    expect(reader.objects.get(id)).toMatchObject({ snapshots: 0 })
  })

  test('make VMs of templates and of nothing, and delete them with their disks', async () => {
    const id = await machine()
    const { vm } = session.actions
    const before = await world.everything()
    const clone = only<VmId>(await vm.clone({ id, name: `clone-${count}` }, task))
    const template = only<TemplateId>(await vm.convertToTemplate({ id: clone }, task))
    const common = {
      tags: ['t'],
      count: 1,
      first: 1,
      tpm: false,
      templateDisks: [],
      networkBoot: false,
      autoStart: false,
      start: false,
    }
    const cloudInit = { user: '#cloud-config\n' }
    const made = only<VmId>(
      await vm.create({ ...common, template, name: 'n{index}', disks: [{ size: MiB }], cloudInit }, task),
    )
    await sees<Vm | undefined>(made, (one) => one?.drives.filter(({ kind }) => kind === 'disk').length === 3)
    const builtIn = formatId({ type: 'template', connection: specOf(world.daemon).id, key: 'linux-bios' })
    const fresh = only<VmId>(
      await vm.create(
        { ...common, template: builtIn, name: 'fresh', disks: [{ size: MiB }], vcpus: 2, memory: 64 * MiB },
        task,
      ),
    )
    await sees<Vm | undefined>(fresh, (one) => one?.vcpus === 2 && one.memory === 64 * MiB)
    const deletion = await session.inspect.deletion(made)
    expect(deletion.disks).toHaveLength(3)
    for (const one of [made, fresh]) await vm.delete({ id: one, keepDisks: [], snapshots: true }, task)
    await session.actions.template.delete({ id: template }, task)
    expect(await world.everything()).toEqual(before)
  })

  test('show the screen of a VM', async () => {
    const id = await machine(
      `<graphics type='vnc'><listen type='socket'/></graphics><video><model type='vga'/></video>`,
    )
    await session.actions.vm.start({ id, paused: false }, task)
    const { bytes, protocol } = await session.consoles.open(id, { kind: 'vnc' })
    const [hello] = await once(bytes, 'data')
    bytes.destroy()
    expect({ protocol, hello: String(hello) }).toEqual({ protocol: 'rfb', hello: 'RFB 003.008\n' })
    expect((await session.consoles.screenshot(id, {})).type).toBe('image/png')
    await expect(session.consoles.find(id, { kind: 'text' })).rejects.toMatchObject({ code: 'console.none' })
    await session.actions.vm.hardShutdown({ id }, task)
  })

  test('that libvirt has nothing for say so, and so does the connection', async () => {
    const id = await machine()
    const host = [...reader.objects.keys()].find((key) => key.startsWith('host.'))
    await expect(session.actions.vm.migrate({ id, host: host as never }, task)).rejects.toMatchObject({
      code: 'connection.unsupported',
    })
    expect(session.capabilities.unsupported['vm:migrate']).toMatch(/one host/)
    const nobody = idOf('00000000-0000-4000-8000-000000000000')
    await expect(session.actions.vm.start({ id: nobody, paused: false }, task)).rejects.toMatchObject({
      code: 'vm.not_found',
    })
  })
})
