import { connectionErrors, type ActionRequest, type Actions, type StorageId } from '@nixen/api'
import { isXapiError, type Ref } from '@nixen/xapi'
import type { ActionTask, ProviderActions, UndoEntry } from '../../action/actions.ts'
import { maintenanceKey } from '../storage/sr-record.ts'
import { follow, refOf, withKeys, type XapiContext } from './context.ts'

/** What was taken from a storage for its maintenance. Uuids, so that they hold over a restart of the hosts. */
interface Taken {
  /** Attachments (PBDs) that were plugged. */
  readonly pbds: readonly string[]
  /** VMs that were shut down. */
  readonly vms: readonly string[]
  /** Those of them that were paused. */
  readonly paused: readonly string[]
}

type Enter = ActionRequest<Actions['storage']['enterMaintenance']>

/** Puts storages in maintenance, and takes them out. */
export function maintenanceActions(
  context: XapiContext,
): Pick<ProviderActions['storage'], 'enterMaintenance' | 'leaveMaintenance'> {
  return {
    enterMaintenance: async (request, task) => await enter(context, request, task),
    leaveMaintenance: async ({ id, start }, task) => {
      const sr = await refOf(context, id, 'SR')
      await putBack(context, { sr, start, taken: await takenOf(context, sr) }, task)
    },
  }
}

/** A VM that uses disks of a storage now. */
interface User {
  readonly vm: Ref<'VM'>
  readonly uuid: string
  readonly name: string
  readonly paused: boolean
  /** Shuts down when it is asked to. */
  readonly listens: boolean
  readonly disks: Ref<'VDI'>[]
}

/** Refuses what cannot work before anything is done. What is moved away stays where it went; all else is taken back when a step fails. */
async function enter(context: XapiContext, { id, moveTo, shutdown, force }: Enter, task: ActionTask): Promise<void> {
  const { SR, PBD } = context.xapi.client
  const sr = await refOf(context, id, 'SR')
  await demandNoHeartbeat(context, sr)
  const users = await usersOf(context, sr)
  demandWay(users, { moveTo, shutdown, force })
  if (moveTo !== undefined) await moveAway(context, { users, moveTo }, task)
  const stopped = moveTo === undefined ? users : []
  const attached = await attachedOf(context, sr)
  const taken: Taken = {
    pbds: await Promise.all(attached.map(async (pbd) => await PBD.get_uuid(pbd))),
    vms: stopped.map(({ uuid }) => uuid),
    paused: stopped.filter(({ paused }) => paused).map(({ uuid }) => uuid),
  }
  const what = 'Take the storage out of maintenance and start its VMs'
  const undo = await task.undo({ kind: 'sr.leaveMaintenance', what, data: { sr, ...taken } })
  const note = { [maintenanceKey]: JSON.stringify(taken) }
  await SR.set_other_config(sr, withKeys(await SR.get_other_config(sr), note))
  const calls = context.xapi.client.async.VM
  for (const [index, { vm, name, listens }] of stopped.entries()) {
    task.progress(index / stopped.length, `Shutting down ${name}`)
    await follow(context, listens ? calls.clean_shutdown(vm) : calls.hard_shutdown(vm), task)
    task.log(`${name} is shut down; it starts again when the maintenance ends.`)
  }
  for (const pbd of attached) await follow(context, context.xapi.client.async.PBD.unplug(pbd), task)
  await undo.forget()
}

/** @throws connection.unsupported with the VMs that use it, when nobody said what becomes of them */
function demandWay(users: readonly User[], { moveTo, shutdown, force }: Omit<Enter, 'id'>): void {
  if (users.length === 0 || moveTo !== undefined) return
  const deaf = users.filter(({ listens }) => !listens)
  if (shutdown && (force || deaf.length === 0)) return
  const reason = shutdown
    ? `these VMs do not shut down when they are asked to: ${namesOf(deaf)}. Shut them down first, or say force.`
    : `these VMs use it: ${namesOf(users)}. Say where their disks shall move to, or that they are shut down.`
  throw connectionErrors.unsupported({ action: 'Maintenance', reason })
}

function namesOf(users: readonly User[]): string {
  const more = users.length > 10 ? ` and ${users.length - 10} more` : ''
  return `${users
    .slice(0, 10)
    .map(({ name }) => name)
    .join(', ')}${more}`
}

/** The heartbeat of high availability must go on: hosts without it fence themselves. */
async function demandNoHeartbeat({ xapi }: XapiContext, sr: Ref<'SR'>): Promise<void> {
  const { pool, VDI } = xapi.client
  for (const { ha_enabled: on, ha_statefiles: files } of (await pool.get_all_records()).values()) {
    if (!on) continue
    for (const file of files) {
      // State files are named by reference or uuid of their disk; a text of that form is a reference.
      const vdi = file.startsWith('OpaqueRef:') ? (file as Ref<'VDI'>) : await VDI.get_by_uuid(file)
      if ((await VDI.get_SR(vdi)) !== sr) continue
      const reason = 'the heartbeat of high availability is on it. Turn that off first.'
      throw connectionErrors.unsupported({ action: 'Maintenance', reason })
    }
  }
}

/** VMs that run, or are paused, with disks or media of a storage. */
async function usersOf({ xapi }: XapiContext, sr: Ref<'SR'>): Promise<readonly User[]> {
  const { SR, VDI, VBD, VM } = xapi.client
  const found = new Map<Ref<'VM'>, User>()
  for (const vdi of await SR.get_VDIs(sr)) {
    for (const vbd of await VDI.get_VBDs(vdi)) {
      const { VM: vm, currently_attached: attached } = await VBD.get_record(vbd)
      if (!attached) continue
      const { uuid, power_state: power, is_control_domain: host, name_label: name, ...rest } = await VM.get_record(vm)
      if (power !== 'Running' && power !== 'Paused') continue
      if (host) throw connectionErrors.unsupported({ action: 'Maintenance', reason: `${name} uses a disk of it now.` })
      const listens = rest.allowed_operations.includes('clean_shutdown')
      const user = found.get(vm) ?? { vm, uuid, name, paused: power === 'Paused', listens, disks: [] }
      user.disks.push(vdi)
      found.set(vm, user)
    }
  }
  return [...found.values()]
}

/** Moves the disks that are in use to another storage while their VMs run. */
async function moveAway(
  context: XapiContext,
  { users, moveTo }: { readonly users: readonly User[]; readonly moveTo: StorageId },
  task: ActionTask,
): Promise<void> {
  const target = await refOf(context, moveTo, 'SR')
  for (const { name, disks } of users) {
    for (const vdi of disks) {
      task.progress(undefined, `Moving a disk of ${name}`)
      await follow(context, context.xapi.client.async.VDI.pool_migrate(vdi, target, {}), task)
      task.log(`A disk of ${name} is moved; it stays there.`)
    }
  }
}

async function attachedOf({ xapi }: XapiContext, sr: Ref<'SR'>): Promise<readonly Ref<'PBD'>[]> {
  const { SR, PBD } = xapi.client
  const attached: Ref<'PBD'>[] = []
  for (const pbd of await SR.get_PBDs(sr)) if (await PBD.get_currently_attached(pbd)) attached.push(pbd)
  return attached
}

/** What the note of the storage says; all attachments when it says nothing that can be read. */
async function takenOf({ xapi }: XapiContext, sr: Ref<'SR'>): Promise<Taken> {
  const { SR, PBD } = xapi.client
  const text = (await SR.get_other_config(sr))[maintenanceKey] ?? ''
  try {
    const { pbds = [], vms = [], paused = [] } = JSON.parse(text) as Partial<Taken>
    return { pbds: pbds.map(String), vms: vms.map(String), paused: paused.map(String) }
  } catch {
    // Somebody else wrote it: what can be attached is.
    const pbds = await Promise.all((await SR.get_PBDs(sr)).map(async (pbd) => await PBD.get_uuid(pbd)))
    return { pbds, vms: [], paused: [] }
  }
}

interface Back {
  readonly sr: Ref<'SR'>
  readonly taken: Taken
  readonly start: boolean
}

/** Attaches a storage as before, and starts the VMs that were shut down for it. What is gone meanwhile is passed over; may be done again. */
export async function putBack(context: XapiContext, { sr, taken, start }: Back, task?: ActionTask): Promise<void> {
  const { SR, PBD, VM } = context.xapi.client
  for (const uuid of taken.pbds) {
    const pbd = await there(PBD.get_by_uuid(uuid))
    if (pbd && !(await PBD.get_currently_attached(pbd))) await PBD.plug(pbd)
    task?.signal.throwIfAborted()
  }
  for (const [index, uuid] of (start ? taken.vms : []).entries()) {
    const vm = await there(VM.get_by_uuid(uuid))
    if (!vm || (await VM.get_power_state(vm)) !== 'Halted') continue
    task?.progress(index / taken.vms.length, `Starting ${await VM.get_name_label(vm)}`)
    await VM.start(vm, taken.paused.includes(uuid), false)
  }
  // Last: what was not put back is still noted when this is interrupted.
  await SR.set_other_config(sr, withKeys(await SR.get_other_config(sr), { [maintenanceKey]: undefined }))
}

async function there<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked
  } catch (error) {
    if (isXapiError(error, 'UUID_INVALID')) return undefined
    throw error
  }
}

/** Detaches a storage from all hosts; undoing it attaches those again. */
export async function unplugAll(context: XapiContext, sr: Ref<'SR'>, task: ActionTask): Promise<UndoEntry> {
  const pbds = await attachedOf(context, sr)
  const undo = await task.undo({ kind: 'pbd.plug', what: 'Attach the storage again', data: { pbds } })
  for (const pbd of pbds) await follow(context, context.xapi.client.async.PBD.unplug(pbd), task)
  return undo
}
