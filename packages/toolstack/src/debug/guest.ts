import { isRecord } from '@nixen/core'
import { hostFailed } from '../classes/ha.ts'
import { hostStarted } from '../classes/host-start.ts'
import { bootVm, haltVm } from '../classes/vm-runtime.ts'
import { addMessage } from '../classes/message.ts'
import { isNull } from '../db/ref.ts'
import type { Ref, Rows } from '../generated/rows.ts'
import type { Pool } from '../pool/pool.ts'
import { placeOf } from '../streams/raw-vdi-export.ts'
import { debugErrors } from './errors.ts'

/** The disk that a machine has under a device number. */
function diskOf({ db }: Pool, vm: Ref<'VM'>, userdevice: string): Ref<'VDI'> {
  for (const ref of db.get('VM', vm).VBDs) {
    const vbd = db.get('VBD', ref)
    if (vbd.userdevice === userdevice && vbd.type === 'Disk' && !isNull(vbd.VDI)) return vbd.VDI
  }
  throw debugErrors.no_disk({ vm: db.get('VM', vm).uuid, device: userdevice })
}

/** Writes into a disk of a running machine as its guest would: logs of changed blocks and VHDs follow. */
export async function writeDisk(
  pool: Pool,
  { vm, device, offset, bytes }: { vm: Ref<'VM'>; device: string; offset: number; bytes: AsyncIterable<Uint8Array> },
): Promise<number> {
  const { power_state, uuid } = pool.db.get('VM', vm)
  if (power_state !== 'Running') throw debugErrors.not_running({ vm: uuid, state: power_state })
  await using disk = await pool.storage.open(placeOf(pool, diskOf(pool, vm, device)), { write: true })
  let at = offset
  for await (const part of bytes) {
    await disk.writable?.write(at, part)
    at += part.length
  }
  await disk.writable?.flush()
  return at - offset
}

/** Reads from a disk of a machine. */
export async function readDisk(
  pool: Pool,
  { vm, device, offset, length }: { vm: Ref<'VM'>; device: string; offset: number; length: number },
): Promise<Uint8Array> {
  await using disk = await pool.storage.open(placeOf(pool, diskOf(pool, vm, device)))
  const bytes = new Uint8Array(length)
  await disk.read(offset, bytes)
  return bytes
}

/** Fields of `VM_guest_metrics` that are maps of strings. */
const maps = ['os_version', 'PV_drivers_version', 'networks', 'memory', 'disks', 'other', 'services'] as const

/** Sets what the guest agent says. A value of `null` takes a key away. */
export function setGuest({ db, clock }: Pool, vm: Ref<'VM'>, values: unknown): void {
  if (!isRecord(values)) throw debugErrors.bad_body({ expected: `an object with ${maps.join(', ')}` })
  let { guest_metrics } = db.get('VM', vm)
  if (!db.find('VM_guest_metrics', guest_metrics)) {
    guest_metrics = db.insert('VM_guest_metrics', {})
    db.update(vm, { guest_metrics })
  }
  const now = db.get('VM_guest_metrics', guest_metrics)
  const changes: Record<string, Record<string, string>> = {}
  for (const [name, given] of Object.entries(values)) {
    const map = maps.find((known) => known === name)
    if (!map || !isRecord(given)) throw debugErrors.bad_body({ expected: `an object with ${maps.join(', ')}` })
    const merged = new Map<string, unknown>([...Object.entries(now[map] ?? {}), ...Object.entries(given)])
    changes[map] = Object.fromEntries(
      [...merged].filter((pair): pair is [string, string] => typeof pair[1] === 'string'),
    )
  }
  const patch: Partial<Rows['VM_guest_metrics']> = {
    ...changes,
    last_updated: clock.now(),
    live: true,
    // A guest that names its drivers has them.
    ...(changes['PV_drivers_version']
      ? { PV_drivers_detected: Object.keys(changes['PV_drivers_version']).length > 0 }
      : {}),
  }
  db.update(guest_metrics, patch)
}

/** The guest's kernel stops: the machine does what its `actions_after_crash` says. */
export function panic(pool: Pool, vm: Ref<'VM'>): void {
  const { db } = pool
  const { power_state, uuid, resident_on, name_label, actions_after_crash } = db.get('VM', vm)
  if (power_state !== 'Running') throw debugErrors.not_running({ vm: uuid, state: power_state })
  haltVm({ db, pool }, vm)
  addMessage(
    { db, pool },
    { name: 'VM_CRASHED', priority: 3, cls: 'VM', obj_uuid: uuid, body: `VM '${name_label}' has crashed` },
  )
  if (actions_after_crash.includes('restart')) bootVm({ db, pool }, vm, { host: resident_on, paused: false })
}

/** A host loses power: its machines are gone, and it answers no more. */
export async function killHost(pool: Pool, host: Ref<'host'>, stopListening: () => Promise<void>): Promise<void> {
  const { db } = pool
  await stopListening()
  const lost = [...db.get('host', host).resident_VMs].filter((vm) => !db.get('VM', vm).is_control_domain)
  for (const vm of lost) haltVm({ db, pool }, vm)
  const { metrics, PBDs } = db.get('host', host)
  if (db.find('host_metrics', metrics)) db.update(metrics, { live: false, last_updated: pool.clock.now() })
  for (const pbd of PBDs) db.update(pbd, { currently_attached: false })
  db.update(host, { enabled: false })
  hostFailed({ db, pool }, host, lost)
}

/** A host that lost power gets it back: it answers again, as a host that has started. One that is up goes on as it was. */
export async function startHost(pool: Pool, host: Ref<'host'>, startListening: () => Promise<void>): Promise<void> {
  await startListening()
  const { metrics } = pool.db.get('host', host)
  if (!pool.db.find('host_metrics', metrics)?.live) hostStarted({ db: pool.db, pool }, host)
}
