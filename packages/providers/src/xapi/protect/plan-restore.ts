import { formatId, parseId, type NetworkId, type ResourceId, type StorageId } from '@nixen/api'
import { formatBytes } from '@nixen/core'
import type { Ref, SRRecord, VBDRecord, VDIRecord, VMRecord } from '@nixen/xapi'
import type { ProtectNote } from '../../protect/freeze.ts'
import type { RestoreDiskPlan, RestorePlan, RestoreRequest } from '../../protect/restore.ts'
import type { ConfigDisk, ConfigNic } from '../../protect/vm-config.ts'
import { refOf } from '../actions/context.ts'
import { callsOf, type ProtectContext, type Stoppable } from './context.ts'
import { lineageOf } from './lineage.ts'

/** What of a VM's disks is there to be replaced, by position. */
export interface ExistingDisk {
  readonly vbd: VBDRecord
  readonly ref: Ref<'VDI'>
  readonly vdi: VDIRecord
}

/** Works out where everything of a restore goes. */
export async function planXapiRestore(
  context: ProtectContext,
  request: RestoreRequest,
  options: Stoppable = {},
): Promise<RestorePlan> {
  const { config, identity } = request
  const notes: ProtectNote[] = []
  const problems: string[] = []
  if (config.provider !== 'xapi') {
    problems.push(`The VM was backed up from ${config.provider}, and can be restored to such hosts only.`)
  }
  const known = new Set(config.disks.map(({ key }) => key))
  for (const key of request.disks ?? []) if (!known.has(key)) problems.push(`The backup has no disk ${key}.`)
  const wanted = config.disks.filter(({ key }) => request.disks?.includes(key) ?? true)
  if (identity.kind === 'same') await assertLost(context, config.lineage, { problems, ...options })
  const into = identity.kind === 'into' ? await readExisting(context, identity.vm, { problems, ...options }) : undefined
  const disks = await planDisks(context, request, { wanted, into, notes, problems, ...options })
  if (disks.length === 0 && config.disks.length > 0) problems.push('No disk of the VM is to be restored.')
  const nics = into ? [] : await planNics(context, request, { notes, ...options })
  return { request, name: into?.name ?? request.name ?? config.name, disks, nics, notes, problems }
}

/** Two VMs with one line of backups would each take the restore points of the other for their own, and their MAC addresses would collide. */
async function assertLost(
  context: ProtectContext,
  lineage: string,
  { problems, signal }: Stoppable & { problems: string[] },
): Promise<void> {
  const records = await callsOf(context, { signal }).VM.get_all_records()
  const found = [...records.values()].find((record) => lineageOf(record) === lineage)
  if (found) problems.push(`The VM is still there, as ${found.name_label}. Restore into it, or as a new one.`)
}

interface Existing {
  readonly name: string
  readonly disks: readonly ExistingDisk[]
}

async function readExisting(
  context: ProtectContext,
  id: ResourceId<'vm'>,
  { problems, signal }: Stoppable & { problems: string[] },
): Promise<Existing> {
  const ref = await refOf(context, id, 'VM')
  const record: VMRecord = await callsOf(context, { signal }).VM.get_record(ref)
  const { name_label: name, power_state } = record
  if (power_state !== 'Halted') {
    problems.push(`${name} is ${power_state.toLowerCase()}; it has to be halted while its disks are replaced.`)
  }
  return { name, disks: await disksOf(context, ref, { signal }) }
}

/** The disks of a VM with their devices. */
export async function disksOf(
  context: ProtectContext,
  vm: Ref<'VM'>,
  options: Stoppable = {},
): Promise<ExistingDisk[]> {
  const calls = callsOf(context, options)
  const vbds = await Promise.all((await calls.VM.get_VBDs(vm)).map((ref) => calls.VBD.get_record(ref)))
  const disks = vbds.filter(({ type }) => type === 'Disk')
  return await Promise.all(
    disks.flatMap((vbd) => {
      const ref = vbd.VDI
      return ref === null ? [] : [calls.VDI.get_record(ref).then((vdi) => ({ vbd, ref, vdi }))]
    }),
  )
}

interface DiskPlanning extends Stoppable {
  readonly wanted: readonly ConfigDisk[]
  readonly into: Existing | undefined
  readonly notes: ProtectNote[]
  readonly problems: string[]
}

async function planDisks(
  context: ProtectContext,
  request: RestoreRequest,
  { wanted, into, notes, problems, signal }: DiskPlanning,
): Promise<RestoreDiskPlan[]> {
  const calls = callsOf(context, { signal })
  const srs = await calls.SR.get_all_records()
  const pools = await calls.pool.get_all_records()
  const attached = new Set<Ref<'SR'>>()
  for (const pbd of (await calls.PBD.get_all_records()).values()) if (pbd.currently_attached) attached.add(pbd.SR)
  const [pool] = pools.values()
  const usable = (ref: Ref<'SR'>, sr: SRRecord): boolean => attached.has(ref) && sr.content_type !== 'iso'
  const byKey = new Map([...srs].filter(([ref, sr]) => usable(ref, sr)).map(([, sr]) => [sr.uuid, sr]))
  const fallback = pool?.default_SR ? srs.get(pool.default_SR) : undefined
  const needed = new Map<string, number>()
  const plans: RestoreDiskPlan[] = []
  for (const disk of wanted) {
    if (into && disk.kind === 'memory') continue
    const existing =
      into?.disks.find(({ vdi }) => vdi.uuid === disk.key) ??
      into?.disks.find(({ vbd }) => vbd.userdevice === disk.position)
    const asked = request.storageOf?.[disk.key] ?? request.storage
    const home = existing ? srs.get(existing.vdi.SR)?.uuid : disk.storage.key
    const key = asked === undefined ? home : (parseId(asked, 'storage')?.key ?? '')
    const sr = byKey.get(key ?? '') ?? (asked === undefined && fallback ? byKey.get(fallback.uuid) : undefined)
    if (!sr) {
      problems.push(
        asked === undefined
          ? `The storage ${disk.storage.name} of the disk ${disk.name} is not there any more, and the pool has no default storage. Choose one.`
          : `The storage that was chosen for the disk ${disk.name} is not there, not attached, or only for ISO images.`,
      )
      continue
    }
    const same =
      existing !== undefined && existing.vdi.virtual_size === disk.size && srs.get(existing.vdi.SR)?.uuid === sr.uuid
    const mode = same ? 'difference' : 'whole'
    if (mode === 'whole') needed.set(sr.uuid, (needed.get(sr.uuid) ?? 0) + disk.size)
    if (asked === undefined && sr.uuid !== disk.storage.key && !existing) {
      notes.push({
        code: 'other-storage',
        text: `The disk ${disk.name} goes to ${sr.name_label}: ${disk.storage.name} is not there.`,
      })
    }
    const id: StorageId = formatId({ type: 'storage', connection: context.connection, key: sr.uuid })
    plans.push({
      disk,
      storage: { id, name: sr.name_label },
      mode,
      ...(existing ? { replaces: existing.vdi.uuid } : {}),
    })
  }
  for (const [key, bytes] of needed) {
    const sr = byKey.get(key)
    const free = sr ? Number(sr.physical_size) - Number(sr.physical_utilisation) : 0
    // Most storages keep zeros in no space: it may still be enough.
    if (sr && Number(sr.physical_size) > 0 && free < bytes) {
      notes.push({
        code: 'storage-tight',
        text: `${sr.name_label} has ${formatBytes(Math.max(free, 0))} left, and the disks can need up to ${formatBytes(bytes)}.`,
      })
    }
  }
  return plans
}

async function planNics(
  context: ProtectContext,
  request: RestoreRequest,
  { notes, signal }: Stoppable & { notes: ProtectNote[] },
): Promise<RestorePlan['nics']> {
  const calls = callsOf(context, { signal })
  const networks = [...(await calls.network.get_all_records()).values()]
  const pifs = await calls.PIF.get_all_records()
  const vlanOf = (refs: readonly Ref<'PIF'>[]): number =>
    refs.map((ref) => pifs.get(ref)?.VLAN ?? -1).find((vlan) => vlan >= 0) ?? -1
  const mac = request.macs ?? (request.identity.kind === 'same' ? 'keep' : 'new')
  const matching = ({ network }: ConfigNic): (typeof networks)[number] | undefined => {
    const named = networks.filter(({ name_label }) => name_label === network.name)
    return (
      networks.find(({ uuid }) => uuid === network.key) ??
      named.find(({ PIFs }) => vlanOf(PIFs) === (network.vlan ?? -1)) ??
      named[0]
    )
  }
  return request.config.nics.map((nic) => {
    const asked = request.networkOf?.[nic.network.key]
    if (asked === null) return { nic, network: null, mac }
    const key = asked === undefined ? undefined : parseId(asked, 'network')?.key
    const found = asked === undefined ? matching(nic) : networks.find(({ uuid }) => uuid === key)
    if (!found) {
      const text = `There is no network like "${nic.network.name}" here: the NIC ${nic.position} is left out. Choose one, or add it later.`
      notes.push({ code: 'network-missing', text })
      return { nic, network: null, mac }
    }
    const id: NetworkId = formatId({ type: 'network', connection: context.connection, key: found.uuid })
    return { nic, network: { id, name: found.name_label }, mac }
  })
}
