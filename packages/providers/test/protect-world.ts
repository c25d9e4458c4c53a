import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { formatId, type VmId } from '@nixen/api'
import { MiB, seededRandom } from '@nixen/core'
import type { Toolstack, ToolstackOptions } from '@nixen/toolstack'
import type { Ref, Xapi } from '@nixen/xapi'
import { MemoryJournal } from '../src/conformance/index.ts'
import { xapiProvider, type ProviderSession } from '../src/index.ts'
import { ports, quickToolstack, specOf } from './connect.ts'
import { connect } from './toolstack-target.ts'

export { diskOf, takeIn } from '../src/conformance/index.ts'

/** Size of the test's disks: one of whole blocks of 2 MiB, one that ends within a block. */
export const diskSizes = [12 * MiB, 5 * MiB + 64 * 1024] as const

/** A running VM with two disks on a pool, and a session with that. */
export interface World extends AsyncDisposable {
  readonly toolstack: Toolstack
  readonly xapi: Xapi
  readonly session: ProviderSession
  readonly vm: Ref<'VM'>
  readonly vmId: VmId
  readonly disks: readonly Ref<'VDI'>[]
  readonly sr: Ref<'SR'>
  readonly journal: MemoryJournal
  /** Writes into a disk as the guest would. */
  write(position: number, offset: number, bytes: Uint8Array): Promise<void>
  /** What the guest reads; of another VM by its uuid. */
  content(position: number, of?: string): Promise<Buffer>
  /** uuids of all VMs, VDIs and VBDs, to see what was left behind. */
  inventory(): Promise<Inventory>
  idOf(uuid: string): VmId
  /** The hosts go away, with all connections and sessions. */
  stop(): Promise<void>
  /** They are back at the same address. */
  start(): Promise<void>
}

export interface Inventory {
  readonly vms: readonly string[]
  readonly vdis: readonly string[]
}

export async function protectWorld(options: ToolstackOptions & { nbd?: boolean } = {}): Promise<World> {
  const dataDir = await mkdtemp(join(tmpdir(), 'nixen-protect-'))
  const { nbd = true, ...rest } = options
  const shape = { hosts: 1, vms: 0, dataDir, debugPort: 0, ...rest }
  let toolstack = await quickToolstack(shape)
  const xapi = await connect(toolstack)
  const { client } = xapi
  const srs = await client.SR.get_all_records()
  const shared =
    [...srs].find(([, { shared: all, content_type }]) => all && content_type === 'user') ??
    [...srs].find(([, { type }]) => type === 'ext')
  if (!shared) throw new Error('there is no SR')
  const [sr] = shared
  const networks = await client.PIF.get_all_records()
  const pif = [...networks.values()].find(({ IP }) => IP !== '')
  if (!pif) throw new Error('there is no network')
  if (nbd) await client.network.add_purpose(pif.network, 'nbd')
  const { vm, disks } = await makeVm(xapi, { sr, network: pif.network })
  const session = await xapiProvider.open(specOf(toolstack), ports)
  const uuid = await client.VM.get_uuid(vm)
  const debugUrl = (): string => toolstack.pools[0]?.debugUrl ?? ''
  const idOf = (key: string): VmId => formatId({ type: 'vm', connection: specOf(toolstack).id, key })
  return {
    get toolstack() {
      return toolstack
    },
    xapi,
    session,
    vm,
    vmId: idOf(uuid),
    disks,
    sr,
    journal: new MemoryJournal(),
    async write(position, offset, bytes) {
      const url = `${debugUrl()}/vms/${uuid}/disks/${position}?offset=${offset}`
      const response = await fetch(url, { method: 'PUT', body: Buffer.from(bytes) })
      if (!response.ok) throw new Error(await response.text())
    },
    async content(position, of = uuid) {
      const vbds = await client.VM.get_VBDs(await client.VM.get_by_uuid(of))
      const records = await Promise.all(vbds.map((ref) => client.VBD.get_record(ref)))
      const vdi = records.find(({ userdevice }) => userdevice === String(position))?.VDI
      if (!vdi) throw new Error('there is no disk')
      const size = await client.VDI.get_virtual_size(vdi)
      const response = await fetch(`${debugUrl()}/vms/${of}/disks/${position}?offset=0&length=${size}`)
      if (!response.ok) throw new Error(await response.text())
      return Buffer.from(await response.arrayBuffer())
    },
    inventory: () => inventoryOf(xapi),
    idOf,
    async stop() {
      await toolstack[Symbol.asyncDispose]()
    },
    async start() {
      toolstack = await quickToolstack({ ...shape, port: toolstack.port })
    },
    async [Symbol.asyncDispose]() {
      await session[Symbol.asyncDispose]()
      await xapi[Symbol.asyncDispose]()
      await toolstack[Symbol.asyncDispose]()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

export async function inventoryOf({ client }: Xapi): Promise<Inventory> {
  const vms = await client.VM.get_all_records()
  const vdis = await client.VDI.get_all_records()
  return {
    vms: [...vms.values()].map(({ uuid }) => uuid).toSorted(),
    // "base copy" images come and go with coalescing.
    vdis: [...vdis.values()]
      .filter(({ managed }) => managed)
      .map(({ uuid }) => uuid)
      .toSorted(),
  }
}

async function makeVm(
  { client }: Xapi,
  { sr, network }: { sr: Ref<'SR'>; network: Ref<'network'> },
): Promise<{ vm: Ref<'VM'>; disks: Ref<'VDI'>[] }> {
  const memory = 64 * MiB
  const vm = await client.VM.create({
    name_label: 'payroll',
    name_description: 'pays everybody',
    user_version: 1,
    is_a_template: false,
    affinity: null,
    memory_static_min: memory,
    memory_static_max: memory,
    memory_dynamic_min: memory,
    memory_dynamic_max: memory,
    VCPUs_params: {},
    VCPUs_max: 2,
    VCPUs_at_startup: 2,
    actions_after_shutdown: 'destroy',
    actions_after_reboot: 'restart',
    actions_after_crash: 'restart',
    PV_bootloader: '',
    PV_kernel: '',
    PV_ramdisk: '',
    PV_args: '',
    PV_bootloader_args: '',
    PV_legacy_args: '',
    HVM_boot_policy: 'BIOS order',
    HVM_boot_params: { order: 'cd', firmware: 'uefi' },
    platform: { secureboot: 'true', 'device-model': 'qemu-upstream-uefi', nx: 'true' },
    PCI_bus: '',
    other_config: { department: 'finance' },
    recommendations: '',
    tags: ['gold'],
    domain_type: 'hvm',
    NVRAM: { 'EFI-variables': 'dmFyaWFibGVz' },
  })
  const disks: Ref<'VDI'>[] = []
  for (const [position, virtual_size] of diskSizes.entries()) {
    const fields = { sharable: false, read_only: false, other_config: {}, type: 'user', virtual_size, SR: sr } as const
    const vdi = await client.VDI.create({ ...fields, name_label: `disk ${position}`, name_description: 'a disk' })
    disks.push(vdi)
    await addVbd(client, vm, { VDI: vdi, userdevice: String(position), bootable: position === 0, type: 'Disk' })
  }
  await addVbd(client, vm, { VDI: null, userdevice: '3', bootable: false, type: 'CD' })
  await client.VIF.create({
    device: '0',
    network,
    VM: vm,
    MAC: '02:00:00:00:00:11',
    MTU: 1500,
    other_config: {},
    qos_algorithm_type: '',
    qos_algorithm_params: {},
  })
  await client.VM.start(vm, false, false)
  return { vm, disks }
}

async function addVbd(
  client: Xapi['client'],
  vm: Ref<'VM'>,
  {
    VDI,
    userdevice,
    bootable,
    type,
  }: { VDI: Ref<'VDI'> | null; userdevice: string; bootable: boolean; type: 'Disk' | 'CD' },
): Promise<void> {
  const qos = { qos_algorithm_type: '', qos_algorithm_params: {} }
  const mode = type === 'CD' ? 'RO' : 'RW'
  await client.VBD.create({
    VM: vm,
    VDI,
    userdevice,
    bootable,
    mode,
    type,
    empty: VDI === null,
    other_config: {},
    ...qos,
  })
}

/** Bytes that are never all zero. */
export function noise(seed: number, length: number): Uint8Array {
  const random = seededRandom(seed)
  const unit = Buffer.alloc(64 * 1024)
  for (let at = 0; at < unit.length; at++) unit[at] = 1 + Math.floor(random() * 255)
  const bytes = new Uint8Array(length)
  for (let at = 0; at < length; at += unit.length) {
    bytes.set(unit.subarray(0, Math.min(unit.length, length - at)), at)
    // Each unit is another one.
    unit[0] = 1 + Math.floor(random() * 255)
    unit[1] = 1 + Math.floor(random() * 255)
  }
  return bytes
}
