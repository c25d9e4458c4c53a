import { vmErrors, type DiskId, type VmId } from '@nixen/api'
import { newUuid } from '@nixen/core'
import {
  constants as c,
  parseDomain,
  readDisk,
  xml,
  type Domain,
  type Libvirt,
  type StorageVol,
  type XmlElement,
} from '@nixen/libvirt'
import type { ActionTask, ProviderActions } from '../../action/actions.ts'
import { formatId } from '@nixen/api'
import { isGone } from '../errors.ts'
import { readMetadata, setMetadata } from '../metadata.ts'
import { snapshotKey } from '../build/vm.ts'
import { definitionOf, domainOf, isActive, keyOf, poolOf, redefine, type LibvirtContext } from './context.ts'
import { copyVolume, overlayOf } from './volumes.ts'
import { withJobAbort } from './vm-power.ts'

type Lifecycle = Pick<
  ProviderActions['vm'],
  'snapshot' | 'snapshotWithMemory' | 'clone' | 'copy' | 'convertToTemplate' | 'delete'
>

/** Copies and ends of VMs. */
export function vmLifecycle(context: LibvirtContext): Lifecycle {
  return {
    async snapshot({ id, name, description, quiesce }, task) {
      return await takeSnapshot(context, { id, name, description, quiesce }, task)
    },
    async snapshotWithMemory({ id, name, description }, task) {
      return await takeSnapshot(context, { id, name, description, quiesce: false }, task)
    },
    async clone({ id, name }, task) {
      return await copyVm(context, { id, name, suffix: 'clone' }, task)
    },
    async copy({ id, name, storage }, task) {
      return await copyVm(context, { id, name, storage, suffix: 'copy' }, task)
    },
    async convertToTemplate({ id }) {
      const dom = await domainOf(context, id)
      await redefine(context, dom, (definition) =>
        setMetadata(definition, { ...readMetadata(definition), isTemplate: true }),
      )
      return { made: [formatId({ type: 'template', connection: context.connection, key: dom.uuid })] }
    },
    async delete({ id, keepDisks, snapshots }, task) {
      await deleteVm(context, { id, keepDisks, snapshots }, task)
    },
  }
}

/** A snapshot inside the images; of a VM that runs, with its memory, since libvirt makes the other kind only as chains of files. */
async function takeSnapshot(
  context: LibvirtContext,
  wanted: {
    readonly id: VmId
    readonly name: string | undefined
    readonly description: string | undefined
    readonly quiesce: boolean
  },
  task: ActionTask,
) {
  const dom = await domainOf(context, wanted.id)
  const name = wanted.name ?? `nixen-${new Date(context.clock.now()).toISOString().replaceAll(/[:.]/g, '-')}`
  const text = xml(
    'domainsnapshot',
    {},
    xml('name', {}, name),
    ...(wanted.description === undefined ? [] : [xml('description', {}, wanted.description)]),
  ).toString()
  const freeze = wanted.quiesce && (await isActive(context.link.main, dom))
  try {
    if (freeze) await context.link.main.call.domainFsfreeze({ dom, mountpoints: [] })
    await context.link.slow(
      async ({ call }) => {
        await withJobAbort(context, dom, task, call.domainSnapshotCreateXml({ dom, xmlDesc: text, flags: 0 }))
      },
      { signal: task.signal },
    )
  } finally {
    if (freeze) await context.link.main.call.domainFsthaw({ dom, mountpoints: [] })
    context.touch({ domain: dom.uuid })
  }
  return { made: [formatId({ type: 'snapshot', connection: context.connection, key: snapshotKey(dom.uuid, name) })] }
}

/** How the disks of a new VM come to be. */
export interface CopyOfVm {
  readonly name: string
  readonly description?: string | undefined
  /** `overlay`: only what differs from the images of a template is kept. */
  readonly how: 'full' | 'overlay'
  readonly storage?: Parameters<typeof poolOf>[1] | undefined
  /** Changes the definition before it is made. */
  readonly change?: (definition: XmlElement) => void
  /** Larger sizes in bytes, by path of the original. */
  readonly sizes?: ReadonlyMap<string, number>
}

/** Makes a VM with copies of the disks of a domain. What is made is in the journal of the task before. */
export async function copyDomain(
  context: LibvirtContext,
  from: Domain,
  copy: CopyOfVm,
  task: ActionTask,
): Promise<string> {
  const { main } = context.link
  const definition = await definitionOf(main, from)
  const uuid = newUuid()
  newIdentity(definition, { name: copy.name, uuid, created: context.clock.now() })
  if (copy.description !== undefined) definition.ensure('description').setText(copy.description)
  let number = 0
  for (const element of definition.find('devices')?.children('disk') ?? []) {
    const disk = readDisk(element)
    if (disk.device !== 'disk') continue
    const vol = await volumeBehind(main, disk)
    if (!vol) continue
    const made = await copyOne(context, { vol, name: `${copy.name}${number === 0 ? '' : `-${number}`}`, copy, task })
    number++
    const { name: path } = await main.call.storageVolGetPath({ vol: made })
    element
      .set('type', path.startsWith('/dev/') ? 'block' : 'file')
      .remove('source')
      .remove('backingStore')
    element.add(xml('source', path.startsWith('/dev/') ? { dev: path } : { file: path }))
    const format = await formatOfVolume(main, made)
    element.ensure('driver').set('name', 'qemu').set('type', format)
  }
  copy.change?.(definition)
  await task.undo({ kind: 'domain.undefine', what: `Remove the half-made VM ${copy.name}`, data: { uuid } })
  await main.call.domainDefineXmlFlags({ xml: definition.toString() })
  context.touch({ domain: uuid })
  return uuid
}

async function copyOne(
  context: LibvirtContext,
  { vol, name, copy, task }: { vol: StorageVol; name: string; copy: CopyOfVm; task: ActionTask },
): Promise<StorageVol> {
  const { main } = context.link
  const { name: path } = await main.call.storageVolGetPath({ vol })
  const size = copy.sizes?.get(path)
  const pool =
    copy.storage === undefined
      ? (await main.call.storagePoolLookupByName({ name: vol.pool })).pool
      : await poolOf(context, copy.storage)
  task.progress(undefined, `copying ${vol.name}`)
  const made =
    copy.how === 'overlay' && copy.storage === undefined
      ? await overlayOf(main, vol, { name, size })
      : await context.link.slow(async (libvirt) => await copyVolume(libvirt, vol, { pool, name }), {
          signal: task.signal,
        })
  await task.undo({ kind: 'volume.delete', what: `Remove the half-made disk ${made.name}`, data: { key: made.key } })
  if (size !== undefined && copy.how === 'full')
    await main.call.storageVolResize({ vol: made, capacity: BigInt(size), flags: 0 })
  context.touch({ pool: pool.uuid })
  return made
}

/** A definition that is another VM: nothing that names the first one stays. */
export function newIdentity(
  definition: XmlElement,
  { name, uuid, created }: { name: string; uuid: string; created: number },
): void {
  definition.ensure('name').setText(name)
  definition.ensure('uuid').setText(uuid)
  definition.set('id', undefined)
  for (const nic of definition.find('devices')?.children('interface') ?? []) nic.remove('mac').remove('target')
  // Each VM has UEFI variables of its own; libvirt makes them anew from the template of the firmware.
  definition.find('os')?.remove('nvram')
  const old = readMetadata(definition)
  setMetadata(definition, { ...old, isTemplate: false, lineage: undefined, checkpoints: {}, created })
}

/** The volume that a disk is on, if a pool has it. */
export async function volumeBehind(
  { call }: Libvirt,
  { backing }: Pick<ReturnType<typeof readDisk>, 'backing'>,
): Promise<StorageVol | undefined> {
  try {
    if (backing.kind === 'volume') {
      const { pool } = await call.storagePoolLookupByName({ name: backing.pool })
      return (await call.storageVolLookupByName({ pool, name: backing.volume })).vol
    }
    if (backing.kind !== 'file' && backing.kind !== 'block') return undefined
    return (await call.storageVolLookupByPath({ path: backing.path })).vol
  } catch (error) {
    if (isGone(error)) return undefined
    throw error
  }
}

async function formatOfVolume({ call }: Libvirt, vol: StorageVol): Promise<string> {
  const { xml: text } = await call.storageVolGetXmlDesc({ vol })
  return /<format type='([^']+)'/.exec(text)?.[1] ?? 'raw'
}

async function copyVm(
  context: LibvirtContext,
  wanted: {
    readonly id: VmId
    readonly name: string | undefined
    readonly storage?: CopyOfVm['storage']
    readonly suffix: string
  },
  task: ActionTask,
) {
  const dom = await domainOf(context, wanted.id)
  if (await isActive(context.link.main, dom)) {
    throw vmErrors.bad_power_state({ id: wanted.id, name: dom.name, expected: ['halted'], actual: 'running' })
  }
  const name = wanted.name ?? `${dom.name} (${wanted.suffix})`
  const key = await copyDomain(context, dom, { name, how: 'full', storage: wanted.storage }, task)
  return { made: [formatId({ type: 'vm', connection: context.connection, key })] }
}

/** Removes a domain with its snapshots and those of its disks that nobody else has. */
export async function deleteVm(
  context: LibvirtContext,
  {
    id,
    keepDisks,
    snapshots,
  }: { readonly id: VmId; readonly keepDisks: readonly DiskId[]; readonly snapshots: boolean },
  task: ActionTask,
): Promise<void> {
  const { main } = context.link
  const dom = await domainOf(context, id)
  if (await isActive(main, dom)) {
    throw vmErrors.bad_power_state({ id, name: dom.name, expected: ['halted', 'suspended'], actual: 'running' })
  }
  const found = await main.call.domainListAllSnapshots({ dom, needResults: 1 })
  if (found.snapshots.length > 0 && !snapshots) {
    throw vmErrors.blocked({ id, name: dom.name, action: 'delete', reason: 'it has snapshots.' })
  }
  const kept = new Set(keepDisks.map((disk) => keyOf(context, disk, 'disk')))
  const vols = await ownVolumes(context, dom)
  await undefine(main, dom)
  context.touch({ domain: dom.uuid })
  for (const vol of vols.filter(({ key }) => !kept.has(key))) {
    task.progress(undefined, `removing ${vol.name}`)
    await context.link.slow(async ({ call }) => await call.storageVolDelete({ vol, flags: 0 }), { signal: task.signal })
    const { pool } = await main.call.storagePoolLookupByName({ name: vol.pool })
    context.touch({ pool: pool.uuid })
  }
}

/** Takes a domain away with all that libvirt itself keeps of it. */
export async function undefine({ call }: Libvirt, dom: Domain): Promise<void> {
  const flags =
    c.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE |
    c.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA |
    c.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA |
    c.VIR_DOMAIN_UNDEFINE_NVRAM
  await call.domainUndefineFlags({ dom, flags })
}

/** Volumes of the disks of a domain that no other domain has, and that are no image below another one. */
export async function ownVolumes({ link }: LibvirtContext, dom: Domain): Promise<StorageVol[]> {
  const { main } = link
  const { disks } = parseDomain((await definitionOf(main, dom)).toString())
  const { domains } = await main.call.connectListAllDomains({ needResults: 1, flags: 0 })
  const others = new Set<string>()
  for (const other of domains) {
    if (other.uuid === dom.uuid) continue
    for (const { backing } of parseDomain((await main.call.domainGetXmlDesc({ dom: other })).xml).disks) {
      if ('path' in backing) others.add(backing.path)
    }
  }
  const vols: StorageVol[] = []
  for (const disk of disks) {
    if (disk.device !== 'disk') continue
    const vol = await volumeBehind(main, disk)
    if (vol && !others.has((await main.call.storageVolGetPath({ vol })).name) && !(await isBelow(main, vol)))
      vols.push(vol)
  }
  return vols
}

/** Whether another volume of its pool holds only what differs from it. */
export async function isBelow({ call }: Libvirt, vol: StorageVol): Promise<boolean> {
  const { name: path } = await call.storageVolGetPath({ vol })
  const { pool } = await call.storagePoolLookupByName({ name: vol.pool })
  for (const other of (await call.storagePoolListAllVolumes({ pool, needResults: 1 })).vols) {
    if (other.key === vol.key) continue
    const { xml: text } = await call.storageVolGetXmlDesc({ vol: other })
    if (text.includes('<backingStore>') && text.includes(`<path>${path}</path>`, text.indexOf('<backingStore>')))
      return true
  }
  return false
}
