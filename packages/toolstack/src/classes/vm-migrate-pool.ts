import { convert } from '@nixen/disk'
import { isNull, nullRef } from '../db/ref.ts'
import type { Call } from '../dispatch/call.ts'
import { fault } from '../errors.ts'
import type { Ref, Rows } from '../generated/rows.ts'
import { attachedSr } from '../operations/storage-rules.ts'
import type { Pool } from '../pool/pool.ts'
import { hostMemory, updateFreeMemory } from './host-memory.ts'
import { seesSr } from './placement.ts'
import { transplant } from './transplant.ts'
import { destroyVdi, diskOf, placeOf, stateFields } from './vdi-disks.ts'
import { destroyVm } from './vm-lifecycle.ts'
import { leaveHost, placeVm } from './vm-runtime.ts'

type RefMap = Readonly<Record<string, string>>

/** A migration to another pool of this toolstack, with everything that goes along. */
export interface PoolMove {
  readonly target: Pool
  readonly host: Ref<'host'>
  /** The machine, then its snapshots. */
  readonly vms: readonly Ref<'VM'>[]
  /** Where each disk goes, those of snapshots too. */
  readonly disks: ReadonlyMap<Ref<'VDI'>, Ref<'SR'>>
  /** The network of each interface there. */
  readonly networks: ReadonlyMap<Ref<'VIF'>, Ref<'network'>>
}

/** What a migration to a host of another pool would do; the error a host gives when it can't be done. `undefined` when no pool here has the host. */
export function planPoolMove(
  call: Call,
  vm: Ref<'VM'>,
  { dest, vdiMap, vifMap }: { dest: RefMap; vdiMap: RefMap; vifMap: RefMap },
): PoolMove | undefined {
  const { db, pool } = call
  // Checked by the look-up that follows.
  const host = (dest['host'] ?? '') as Ref<'host'>
  const target = [...pool.neighbours].find((other) => other.db.find('host', host))
  if (!target) return undefined
  const session = dest['session_id'] ?? ''
  if (!target.sessions.has(session)) throw fault('SESSION_INVALID', session)
  const vms = [vm, ...db.get('VM', vm).snapshots]
  const disks = new Map(disksOf(call, vms).map((vdi) => [vdi, srFor(call, vdi, vdiMap)]))
  for (const [vdi, sr] of disks) {
    if (db.get('VDI', vdi).cbt_enabled) throw fault('VDI_CBT_ENABLED', vdi)
    attachedSr(target.db, sr)
    if (!seesSr(target.db, host, sr)) throw fault('HOST_CANNOT_SEE_SR', host, sr)
  }
  const networks = new Map(
    vms.flatMap((each) => [...db.get('VM', each).VIFs]).map((vif) => [vif, networkFor(call, vif, { vm, vifMap })]),
  )
  for (const network of networks.values()) target.db.get('network', network)
  assertRoom(call, vm, { target, host })
  return { target, host, vms, disks, networks }
}

/** The disks of machines, suspend images too; each once. */
function disksOf(call: Call, vms: readonly Ref<'VM'>[]): Ref<'VDI'>[] {
  const { db } = call
  const disks = new Set<Ref<'VDI'>>()
  for (const vm of vms) {
    const { VBDs, suspend_VDI } = db.get('VM', vm)
    for (const vbd of VBDs) {
      const vdi = db.get('VBD', vbd).type === 'CD' ? undefined : diskOf(call, vbd)
      if (vdi !== undefined) disks.add(vdi)
    }
    if (!isNull(suspend_VDI) && db.find('VDI', suspend_VDI)) disks.add(suspend_VDI)
  }
  return [...disks]
}

/** A snapshot's disk goes where the disk goes; a suspend image where any disk goes. */
function srFor({ db }: Call, vdi: Ref<'VDI'>, map: RefMap): Ref<'SR'> {
  const { snapshot_of, type } = db.get('VDI', vdi)
  const sr = map[vdi] ?? map[snapshot_of] ?? (type === 'suspend' ? Object.values(map)[0] : undefined)
  if (sr === undefined) throw fault('VDI_NOT_IN_MAP', vdi)
  // Looked up by the caller.
  return sr as Ref<'SR'>
}

/** A snapshot's interface goes to the network of the machine's interface with the same number. */
function networkFor({ db }: Call, vif: Ref<'VIF'>, { vm, vifMap }: { vm: Ref<'VM'>; vifMap: RefMap }): Ref<'network'> {
  const { device } = db.get('VIF', vif)
  const same = [...db.get('VM', vm).VIFs].find((other) => db.get('VIF', other).device === device)
  const network = vifMap[vif] ?? vifMap[same ?? '']
  if (network === undefined) throw fault('VIF_NOT_IN_MAP', vif)
  // Looked up by the caller.
  return network as Ref<'network'>
}

function assertRoom({ db }: Call, vm: Ref<'VM'>, { target, host }: { target: Pool; host: Ref<'host'> }): void {
  const { enabled, metrics } = target.db.get('host', host)
  if (!enabled) throw fault('HOST_DISABLED', host)
  if (!target.db.find('host_metrics', metrics)?.live) throw fault('HOST_NOT_LIVE')
  const { power_state, memory_dynamic_max, memory_overhead } = db.get('VM', vm)
  const needed = memory_dynamic_max + memory_overhead
  const { free } = hostMemory(target.db, host)
  if ((power_state === 'Running' || power_state === 'Paused') && needed > free) {
    throw fault('HOST_NOT_ENOUGH_FREE_MEMORY', String(needed), String(free))
  }
}

/**
 * Moves or copies a machine with its snapshots into another pool: its disks first, then all records at once, then what was here goes. When a disk
 * can't be copied, nothing has changed.
 *
 * @returns the machine in the other pool
 */
export async function migrateToPool(call: Call, move: PoolMove, { copy }: { copy: boolean }): Promise<Ref<'VM'>> {
  const disks = await copyDisks(call, move)
  const vms = insertVms(call, move, { disks, copy })
  const [source] = move.vms
  const moved = source && vms.get(source)
  if (!source || !moved) throw new TypeError('A move has a machine')
  const { power_state, resident_on } = call.db.get('VM', source)
  if (!copy && !isNull(resident_on)) placeVm(move.target.db, moved, { host: move.host, state: power_state })
  if (!copy) await removeSource(call, move)
  updateFreeMemory(move.target.db, move.host)
  move.target.db.commit()
  return moved
}

type VdiMap = ReadonlyMap<Ref<'VDI'>, Ref<'VDI'>>

/** The bytes of each disk and its record there. */
async function copyDisks(call: Call, { target, disks }: PoolMove): Promise<VdiMap> {
  const { db } = call
  const made = new Map<Ref<'VDI'>, Ref<'VDI'>>()
  let done = 0
  try {
    for (const [vdi, sr] of disks) {
      const progress = ({ bytes, total }: { bytes: number; total: number }): void =>
        call.task.progress((done + bytes / Math.max(1, total)) / (disks.size + 1))
      await using source = await call.pool.storage.open(placeOf(call, vdi))
      const place = { sr: target.db.get('SR', sr).uuid, uuid: target.db.newUuid() }
      const state = await target.storage.make(place, { size: source.size }, (sink) =>
        convert(source, sink, { signal: call.task.signal, progress }),
      )
      const fields: Partial<Rows['VDI']> = {
        ...stateFields(state),
        uuid: state.uuid,
        SR: sr,
        sm_config: state.smConfig,
      }
      made.set(vdi, transplant({ from: db, to: target.db, cls: 'VDI' }, vdi, fields))
      done++
    }
  } catch (error) {
    for (const vdi of made.values()) await destroyVdi({ ...call, pool: target, db: target.db }, vdi)
    target.db.commit()
    throw error
  }
  for (const [vdi, copied] of made) {
    const snapshotOf = made.get(db.get('VDI', vdi).snapshot_of)
    if (snapshotOf) target.db.update(copied, { snapshot_of: snapshotOf })
  }
  return made
}

function insertVms(
  call: Call,
  move: PoolMove,
  { disks, copy }: { disks: VdiMap; copy: boolean },
): ReadonlyMap<Ref<'VM'>, Ref<'VM'>> {
  const { db } = call
  const vms = new Map<Ref<'VM'>, Ref<'VM'>>()
  for (const vm of move.vms) vms.set(vm, insertVm(call, vm, { move, disks, copy }))
  for (const [vm, moved] of vms) {
    const { snapshot_of, parent } = db.get('VM', vm)
    move.target.db.update(moved, {
      snapshot_of: vms.get(snapshot_of) ?? nullRef,
      parent: vms.get(parent) ?? nullRef,
    })
  }
  return vms
}

function insertVm(
  { db }: Call,
  vm: Ref<'VM'>,
  { move, disks, copy }: { move: PoolMove; disks: VdiMap; copy: boolean },
): Ref<'VM'> {
  const to = move.target.db
  const old = db.get('VM', vm)
  const moved = transplant({ from: db, to, cls: 'VM' }, vm, {
    ...(copy
      ? { power_state: old.power_state === 'Suspended' ? 'Suspended' : 'Halted', domid: -1 }
      : { uuid: old.uuid }),
    metrics: metricsFor('VM_metrics', old.metrics),
    guest_metrics: copy ? nullRef : metricsFor('VM_guest_metrics', old.guest_metrics),
    suspend_VDI: disks.get(old.suspend_VDI) ?? nullRef,
  })
  const running = copy ? { currently_attached: false } : {}
  for (const vbd of old.VBDs) {
    const { VDI, type } = db.get('VBD', vbd)
    const disk = disks.get(VDI)
    // A CD stays behind, and its drive goes empty.
    if (disk === undefined && type !== 'CD') continue
    const values = { VM: moved, VDI: disk ?? nullRef, empty: disk === undefined, ...running }
    transplant({ from: db, to, cls: 'VBD' }, vbd, values)
  }
  for (const vif of old.VIFs) {
    const values = { VM: moved, network: move.networks.get(vif) ?? nullRef, ...running }
    transplant({ from: db, to, cls: 'VIF' }, vif, values)
  }
  return moved

  function metricsFor<C extends 'VM_metrics' | 'VM_guest_metrics'>(cls: C, ref: Ref<C>): Ref<C> {
    return db.find(cls, ref) ? transplant({ from: db, to, cls }, ref, {}) : nullRef
  }
}

async function removeSource(call: Call, { vms, disks }: PoolMove): Promise<void> {
  const { db } = call
  const [source] = vms
  if (source && !isNull(db.get('VM', source).resident_on)) leaveHost(db, source, 'Halted')
  for (const vm of vms) {
    for (const vbd of db.get('VM', vm).VBDs) db.update(vbd, { currently_attached: false })
    // Suspend images go with the other disks.
    db.update(vm, { suspend_VDI: nullRef })
    await destroyVm(call, vm)
  }
  for (const vdi of disks.keys()) await destroyVdi(call, vdi)
}
