import { isNull } from '../db/ref.ts'
import type { Call } from '../dispatch/call.ts'
import { methods, type MethodSet } from '../dispatch/methods.ts'
import { fault } from '../errors.ts'
import type { Ref } from '../generated/rows.ts'
import { attachedSr } from '../operations/storage-rules.ts'
import { problemOf } from '../operations/with-operation.ts'
import { bootProblem, seesSr } from './placement.ts'
import { copyVdi, destroyVdi, diskOf } from './vdi-disks.ts'
import { copyVm } from './vm-copy.ts'
import { migrateToPool, planPoolMove } from './vm-migrate-pool.ts'
import { placeVm } from './vm-runtime.ts'

type RefMap = Readonly<Record<string, string>>

interface Move {
  readonly host: Ref<'host'>
  /** Disks that change their SR. */
  readonly disks: ReadonlyMap<Ref<'VDI'>, Ref<'SR'>>
}

/** What a migration with that destination would do; the error a host gives when it can't be done. */
function planMove(
  call: Call,
  vm: Ref<'VM'>,
  { dest, vdiMap }: { dest: Readonly<Record<string, string>>; vdiMap: RefMap },
): Move {
  const { db } = call
  // Checked by the look-up that follows.
  const host = (dest['host'] ?? '') as Ref<'host'>
  if (!db.find('host', host)) {
    throw fault(
      'VM_MIGRATE_FAILED',
      vm,
      db.get('VM', vm).resident_on,
      host,
      'The destination is not a host of this pool',
    )
  }
  const disks = new Map<Ref<'VDI'>, Ref<'SR'>>()
  for (const vbd of db.get('VM', vm).VBDs) {
    const vdi = diskOf(call, vbd)
    if (vdi === undefined || db.get('VBD', vbd).type === 'CD') continue
    const current = db.get('VDI', vdi)
    const target = (vdiMap[vdi] ?? current.SR) as Ref<'SR'>
    attachedSr(db, target)
    if (!seesSr(db, host, target)) {
      throw Object.hasOwn(vdiMap, vdi) ? fault('HOST_CANNOT_SEE_SR', host, target) : fault('VDI_NOT_IN_MAP', vdi)
    }
    if (target === current.SR) continue
    if (current.cbt_enabled) throw fault('VDI_CBT_ENABLED', vdi)
    disks.set(vdi, target)
  }
  return { host, disks }
}

/** Whether the destination is no host of this pool. */
function isElsewhere({ db }: Call, dest: RefMap): boolean {
  return !db.find('host', (dest['host'] ?? '') as Ref<'host'>)
}

function assertMovable({ db }: Call, vm: Ref<'VM'>, { host }: Move): void {
  const { power_state, resident_on } = db.get('VM', vm)
  if (power_state !== 'Running' || resident_on === host) return
  const boot = bootProblem(db, vm, host)
  if (boot && boot.code !== 'VM_REQUIRES_SR') throw boot
}

/** Moves the disks one by one, then the machine. */
async function migrate(call: Call, vm: Ref<'VM'>, move: Move): Promise<void> {
  const { db } = call
  let done = 0
  for (const [vdi, sr] of move.disks) {
    const share = (part: number): void => call.task.progress((done + part) / (move.disks.size + 1))
    const moved = await copyVdi(call, vdi, { sr, progress: share })
    for (const vbd of db.get('VDI', vdi).VBDs) db.update(vbd, { VDI: moved })
    for (const snapshot of db.get('VDI', vdi).snapshots) db.update(snapshot, { snapshot_of: moved })
    await destroyVdi(call, vdi)
    done++
  }
  const { power_state, resident_on } = db.get('VM', vm)
  if (!isNull(resident_on) && resident_on !== move.host) placeVm(db, vm, { host: move.host, state: power_state })
}

export const vmMigrate: MethodSet = methods('VM', {
  async migrate_send(call, vm, dest, _live, vdi_map, vif_map, options) {
    const away = isElsewhere(call, dest) && planPoolMove(call, vm, { dest, vdiMap: vdi_map, vifMap: vif_map })
    if (away) return await migrateToPool(call, away, { copy: options['copy'] === 'true' })
    const move = planMove(call, vm, { dest, vdiMap: vdi_map })
    if (options['copy'] === 'true') {
      const [sr] = move.disks.values()
      return await copyVm(call, vm, { name: call.db.get('VM', vm).name_label, kind: 'copy', ...(sr ? { sr } : {}) })
    }
    await migrate(call, vm, move)
    return vm
  },

  assert_can_migrate(call, vm, dest, _live, vdi_map, vif_map) {
    const problem = problemOf(call.db, 'VM', vm, { op: 'migrate_send', strict: false })
    if (problem) throw problem
    if (isElsewhere(call, dest) && planPoolMove(call, vm, { dest, vdiMap: vdi_map, vifMap: vif_map })) return
    assertMovable(call, vm, planMove(call, vm, { dest, vdiMap: vdi_map }))
  },

  assert_operation_valid({ db }, self, op) {
    const problem = problemOf(db, 'VM', self, { op, strict: true })
    if (problem) throw problem
  },
})

export const hostMigrate: MethodSet = methods('host', {
  /** The `dest` of {@link vmMigrate}'s messages, for this host. */
  migrate_receive({ db, session }, host, network) {
    const { address } = db.get('host', host)
    db.get('network', network)
    const id = session?.ref ?? ''
    return {
      SM: `https://${address}/services/SM?session_id=${id}`,
      host,
      xenops: `https://${address}/services/xenops?session_id=${id}`,
      session_id: id,
      master: `https://${address}/`,
    }
  },
})
