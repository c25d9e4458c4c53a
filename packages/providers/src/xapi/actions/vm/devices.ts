import { connectionErrors } from '@nixen/api'
import { systemRandom } from '@nixen/core'
import type { Ref } from '@nixen/xapi'
import type { ProviderActions } from '../../../action/actions.ts'
import { newMark } from '../../protect/marks.ts'
import { follow, idOf, refOf, type XapiContext } from '../context.ts'
import { makingKey } from './new-disk.ts'

type Devices = Pick<
  ProviderActions['vm'],
  'attachDisk' | 'detachDisk' | 'updateDrive' | 'insertMedia' | 'ejectMedia' | 'addNic' | 'removeNic'
>

/** Drives and NICs of VMs. */
export function vmDevices(context: XapiContext): Devices {
  const { VM, VBD, VIF } = context.xapi.client
  const calls = context.xapi.client.async
  return {
    async attachDisk({ id, disk, readOnly, boot, position }, task) {
      const vm = await refOf(context, id, 'VM')
      const vdi = await refOf(context, disk, 'VDI')
      const running = (await VM.get_power_state(vm)) === 'Running'
      const mark = newMark(systemRandom)
      const step = { kind: 'vbd.destroyMarked', what: 'Take the disk off the VM again', data: { vm, mark } }
      const undo = await task.undo(step)
      const vbd = await addDrive(context, { vm, vdi, type: 'Disk', readOnly, boot, position, mark })
      if (running) await follow(context, calls.VBD.plug(vbd), task)
      await VBD.remove_from_other_config(vbd, makingKey)
      await undo.forget()
    },
    async detachDisk({ id, disk }, task) {
      const vm = await refOf(context, id, 'VM')
      const vdi = await refOf(context, disk, 'VDI')
      for (const vbd of await VM.get_VBDs(vm)) {
        const record = await VBD.get_record(vbd)
        if (record.VDI !== vdi) continue
        const undo = await task.undo({ kind: 'vbd.plug', what: 'Plug the disk again', data: { vm, vbd } })
        if (record.currently_attached && (await VM.get_power_state(vm)) === 'Running') {
          await follow(context, calls.VBD.unplug(vbd), task)
        }
        await VBD.destroy(vbd)
        await undo.forget()
      }
    },
    async updateDrive({ id, disk, boot, readOnly, position }) {
      const vm = await refOf(context, id, 'VM')
      const vdi = await refOf(context, disk, 'VDI')
      const vbds = await VM.get_VBDs(vm)
      const records = await Promise.all(vbds.map(async (ref) => [ref, await VBD.get_record(ref)] as const))
      const [vbd] = records.find(([, record]) => record.VDI === vdi) ?? []
      if (!vbd) throw connectionErrors.unsupported({ action: 'Changing it', reason: 'the VM does not have the disk.' })
      if (boot !== undefined) await VBD.set_bootable(vbd, boot)
      if (readOnly !== undefined) await VBD.set_mode(vbd, readOnly ? 'RO' : 'RW')
      if (position !== undefined) await VBD.set_userdevice(vbd, String(position))
    },
    async insertMedia({ id, disk }, task) {
      const vm = await refOf(context, id, 'VM')
      const vdi = await refOf(context, disk, 'VDI')
      const drive = (await cdDrive(context, vm)) ?? (await addCdDrive(context, vm))
      const before = (await VBD.get_empty(drive)) ? null : await VBD.get_VDI(drive)
      const data = { vbd: drive, vdi: before }
      const undo = await task.undo({ kind: 'vbd.media', what: 'Put the media back that was in the drive', data })
      if (before) await follow(context, calls.VBD.eject(drive), task)
      await follow(context, calls.VBD.insert(drive, vdi), task)
      await undo.forget()
    },
    async ejectMedia({ id }, task) {
      const drive = await cdDrive(context, await refOf(context, id, 'VM'))
      if (drive && !(await VBD.get_empty(drive))) await follow(context, calls.VBD.eject(drive), task)
    },
    async addNic({ id, network, mac, mtu }, task) {
      const vm = await refOf(context, id, 'VM')
      const ref = await refOf(context, network, 'network')
      const running = (await VM.get_power_state(vm)) === 'Running'
      const mark = newMark(systemRandom)
      const undo = await task.undo({ kind: 'vif.destroyMarked', what: 'Remove the NIC again', data: { vm, mark } })
      const vif = await makeNic(context, vm, { network: ref, mac, mtu, mark })
      if (running) await follow(context, calls.VIF.plug(vif), task)
      const made = [await idOf(context, 'nic', { className: 'VIF', ref: vif })]
      await VIF.remove_from_other_config(vif, makingKey)
      await undo.forget()
      return { made }
    },
    async removeNic({ id, nic }, task) {
      const vm = await refOf(context, id, 'VM')
      const vif = await refOf(context, nic, 'VIF')
      const record = await VIF.get_record(vif)
      if (record.VM !== vm) {
        throw connectionErrors.unsupported({ action: 'Removing it', reason: 'the NIC is of another VM.' })
      }
      const undo = await task.undo({ kind: 'vif.plug', what: 'Plug the NIC again', data: { vm, vif } })
      if (record.currently_attached) await follow(context, calls.VIF.unplug(vif), task)
      await VIF.destroy(vif)
      await undo.forget()
    },
  }
}

/** The CD drive of a VM, the first one. */
async function cdDrive({ xapi }: XapiContext, vm: Ref<'VM'>): Promise<Ref<'VBD'> | undefined> {
  const { VM, VBD } = xapi.client
  for (const vbd of await VM.get_VBDs(vm)) if ((await VBD.get_type(vbd)) === 'CD') return vbd
  return undefined
}

async function addCdDrive(context: XapiContext, vm: Ref<'VM'>): Promise<Ref<'VBD'>> {
  if ((await context.xapi.client.VM.get_power_state(vm)) !== 'Halted') {
    throw connectionErrors.unsupported({
      action: 'Inserting media',
      reason: 'the VM has no CD drive, and gets one only while it is halted.',
    })
  }
  return await addDrive(context, { vm, vdi: null, type: 'CD', readOnly: true, boot: true })
}

export interface NewDrive {
  readonly vm: Ref<'VM'>
  readonly vdi: Ref<'VDI'> | null
  readonly type: 'Disk' | 'CD'
  readonly readOnly: boolean
  readonly boot: boolean
  readonly position?: number | undefined
  /** By which it is found when what follows is interrupted. */
  readonly mark?: string | undefined
}

/** Makes a drive, at the next free position when none is asked for. */
export async function addDrive(
  { xapi }: XapiContext,
  { vm, vdi, type, readOnly, boot, position, mark }: NewDrive,
): Promise<Ref<'VBD'>> {
  const { VM, VBD } = xapi.client
  const free = await VM.get_allowed_VBD_devices(vm)
  const wanted = position === undefined ? undefined : String(position)
  // A CD is at 3 by custom: guests without drivers look for it there.
  const userdevice = wanted ?? (type === 'CD' && free.includes('3') ? '3' : free[0])
  if (userdevice === undefined || !free.includes(userdevice)) {
    const reason = wanted === undefined ? 'the VM has no room for another drive.' : `position ${wanted} is not free.`
    throw connectionErrors.unsupported({ action: 'Attaching it', reason })
  }
  return await VBD.create({
    VM: vm,
    VDI: vdi,
    userdevice,
    bootable: boot,
    mode: readOnly ? 'RO' : 'RW',
    type,
    unpluggable: true,
    empty: vdi === null,
    other_config: mark === undefined ? {} : { [makingKey]: mark },
    qos_algorithm_type: '',
    qos_algorithm_params: {},
  })
}

export interface NewNic {
  readonly network: Ref<'network'>
  readonly mac?: string | undefined
  readonly mtu?: number | undefined
  /** By which it is found when what follows is interrupted. */
  readonly mark?: string | undefined
}

/** Makes a NIC, at the next free place. */
export async function makeNic({ xapi }: XapiContext, vm: Ref<'VM'>, nic: NewNic): Promise<Ref<'VIF'>> {
  const { VM, VIF, network } = xapi.client
  const [device] = await VM.get_allowed_VIF_devices(vm)
  if (device === undefined) {
    throw connectionErrors.unsupported({ action: 'Adding a NIC', reason: 'the VM has no room for another one.' })
  }
  return await VIF.create({
    device,
    network: nic.network,
    VM: vm,
    // The host makes one up when it is empty.
    MAC: nic.mac ?? '',
    MTU: nic.mtu ?? (await network.get_MTU(nic.network)),
    other_config: nic.mark === undefined ? {} : { [makingKey]: nic.mark },
    qos_algorithm_type: '',
    qos_algorithm_params: {},
  })
}
