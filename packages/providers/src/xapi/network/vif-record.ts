import type { Nic, VmId } from '@nixen/api'
import type { VIFRecord } from '@nixen/xapi'
import { busyOf, sizeOrZero, wholeNumber } from '../model/fields.ts'
import type { RecordHandler } from '../model/handler.ts'
import type { Model } from '../model/model.ts'
import type { VifRow } from '../model/rows.ts'
import { recount } from '../vm/vm-record.ts'

/** `VIF`: a NIC of a VM. */
export const vifHandler: RecordHandler<'VIF'> = {
  put(model, ref, record) {
    const old = model.vifs.get(ref)
    const row = readVif(model, ref, record, old)
    model.vifs.set(ref, row)
    model.vifsOfVm.move(ref, old?.vm, row.vm)
    recount(model, ref)
    model.mark('VIF', ref)
    model.mark('VM', old?.vm)
    model.mark('VM', row.vm)
  },
  remove(model, ref) {
    const old = model.vifs.get(ref)
    if (!old) return
    model.vifs.delete(ref)
    model.vifsOfVm.move(ref, old.vm, undefined)
    model.nicsOfNetwork.move(old.counted, undefined)
    if (old.built) model.markGone(old.built.id)
    model.mark('VM', old.vm)
  },
}

function readVif(model: Model, ref: string, record: VIFRecord, old: VifRow | undefined): VifRow {
  const { locking_mode: locking, ipv4_allowed: ipv4, ipv6_allowed: ipv6 } = record
  return {
    id: old?.id ?? model.id('nic', record.uuid, ref),
    vm: record.VM,
    network: record.network,
    device: record.device,
    mac: record.MAC.toLowerCase(),
    mtu: sizeOrZero(record.MTU),
    attached: record.currently_attached,
    locking: lockings[locking],
    allowedIps: locking === 'locked' ? [...ipv4, ...ipv6] : undefined,
    rateLimit: rateOf(record),
    busy: busyOf(record.current_operations),
    counted: old?.counted,
    built: old?.built,
  }
}

const lockings: Readonly<Record<string, Nic['locking']>> = {
  network_default: 'network',
  locked: 'locked',
  unlocked: 'unlocked',
  disabled: 'disabled',
}

/** `kbps` is kilobytes each second, in spite of its name (xapi, `xenops` QoS). */
function rateOf({ qos_algorithm_type: type, qos_algorithm_params: params }: VIFRecord): number | undefined {
  const kilobytes = type === 'ratelimit' ? wholeNumber(params['kbps']) : undefined
  return kilobytes === undefined ? undefined : kilobytes * 1024 * 8
}

/** The NIC that a record stands for; nothing for one of a template or snapshot. */
export function buildVmNic(model: Model, row: VifRow): Nic | undefined {
  const { pool, connection } = model
  const vm = model.vms.get(row.vm)
  if (!pool || vm?.kind !== 'vm') return undefined
  const nic: Nic = {
    id: row.id,
    connection,
    pool,
    // A row of this kind has an id of this type.
    vm: vm.id as VmId,
    name: `eth${row.device}`,
    kind: 'virtual',
    mac: row.mac,
    mtu: row.mtu,
    attached: row.attached,
    ips: addressesOf(model, row),
  }
  const network = model.networks.get(row.network)
  if (network) nic.network = network.id
  const position = wholeNumber(row.device)
  if (position !== undefined) nic.position = position
  if (row.locking) nic.locking = row.locking
  if (row.allowedIps) nic.allowedIps = row.allowedIps
  if (row.rateLimit !== undefined) nic.rateLimit = row.rateLimit
  if (row.busy) nic.busy = [...row.busy]
  return nic
}

const none: string[] = []

function addressesOf(model: Model, row: VifRow): string[] {
  const vm = model.vms.get(row.vm)
  const live = vm?.power === 'running' || vm?.power === 'paused'
  const guest = live && vm.guest ? model.guests.get(vm.guest) : undefined
  if (!guest) return none
  const { byDevice, ips } = guest
  if (typeof byDevice === 'string') return byDevice === row.device ? ips : none
  return byDevice.get(row.device) ?? none
}
