import { connectionErrors } from '@nixen/api'
import { systemClock } from '@nixen/core'
import type { Records, Ref } from '@nixen/xapi'
import type { ActionTask, UndoEntry } from '../../action/actions.ts'
import { follow, withKeys, type XapiContext } from './context.ts'
import { readRolling, rollingKey } from '../host/pool-record.ts'
import { bootTime, rebootAndWait } from './host.ts'
import { installPatches } from './patches.ts'

export interface Roll {
  readonly pool: Ref<'pool'>
  readonly what: 'reboot' | 'update'
  /** Forgets what an interrupted run has done. */
  readonly afresh: boolean
}

interface Member {
  readonly ref: Ref<'host'>
  readonly uuid: string
  readonly name: string
}

/**
 * Reboots (and updates) the hosts of a pool one after the other, the master first: the others follow its version. What cannot work is
 * refused before anything is done. An interrupted run leaves the pool in order (the host takes VMs again, high availability is on) and
 * a note of the hosts that are done.
 */
export async function roll(context: XapiContext, roll: Roll, task: ActionTask): Promise<void> {
  const key = await context.xapi.client.pool.get_uuid(roll.pool)
  if (rolling.has(key)) throw connectionErrors.unsupported({ action: 'A second run', reason: 'one is going on.' })
  rolling.add(key)
  try {
    await rollOne(context, roll, task)
  } finally {
    rolling.delete(key)
  }
}

/** Goes on with a run that was interrupted. @throws connection.unsupported when there is none */
export async function resume(context: XapiContext, pool: Ref<'pool'>, task: ActionTask): Promise<void> {
  const state = await stateOf(context, pool)
  if (!state) throw connectionErrors.unsupported({ action: 'Going on', reason: 'no rolling run was interrupted.' })
  await roll(context, { pool, what: state.what, afresh: false }, task)
}

/** Forgets a run that was interrupted. */
export async function abandon(context: XapiContext, pool: Ref<'pool'>): Promise<void> {
  const key = await context.xapi.client.pool.get_uuid(pool)
  if (rolling.has(key))
    throw connectionErrors.unsupported({ action: 'Forgetting it', reason: 'it is going on. Cancel it.' })
  await note(context, pool, undefined)
}

/** Uuids of pools that this process goes through. */
const rolling = new Set<string>()

async function rollOne(context: XapiContext, roll: Roll, task: ActionTask): Promise<void> {
  const { pool, what } = roll
  const before = roll.afresh ? undefined : await stateOf(context, pool)
  const known = before?.what === what ? before : undefined
  if (known?.at) await waitForHost(context, known.at, task)
  const members = await membersOf(context, pool)
  const done = new Set(known?.done)
  // What was rebooting when the run was interrupted is done when it has been started since.
  if (known?.at && (await isStartedSince(context, known.at))) done.add(known.at.host)
  const left = members.filter(({ uuid }) => !done.has(uuid))
  if (left.length < members.length)
    task.log(`An earlier run did ${members.length - left.length} of ${members.length} hosts; this one does the others.`)
  for (const member of left) await demandMovable(context, member)
  const ha = await turnOffHa(context, pool, task)
  for (const member of left) {
    task.progress(done.size / members.length, `${member.name}: ${done.size + 1} of ${members.length}`)
    const started = await bootTime(context, member.ref)
    const rebooting = async (): Promise<void> =>
      await note(context, pool, { what, done: [...done], at: { host: member.uuid, started } })
    await note(context, pool, { what, done: [...done] })
    await renew(context, { member, what, rebooting }, task)
    done.add(member.uuid)
    await note(context, pool, { what, done: [...done] })
    task.log(`${member.name} is done.`)
  }
  await turnOnHa(context, ha, task)
  await note(context, pool, undefined)
}

interface Renewal {
  readonly member: Member
  readonly what: Roll['what']
  /** Writes down that the host is about to be rebooted. */
  readonly rebooting: () => Promise<void>
}

/** Empties a host, updates it, reboots it and waits for it. */
async function renew(
  context: XapiContext,
  { member: { ref, name }, what, rebooting }: Renewal,
  task: ActionTask,
): Promise<void> {
  const calls = context.xapi.client.async.host
  const undo = await task.undo({ kind: 'host.enable', what: `Let ${name} take VMs again`, data: { host: ref } })
  await follow(context, calls.disable(ref), task)
  await follow(context, calls.evacuate(ref), task)
  const installed = what === 'update' ? await installPatches(context, ref, task) : undefined
  // Without updates there is nothing to reboot for.
  if (installed === 0) await follow(context, calls.enable(ref), task)
  else {
    await rebooting()
    await rebootAndWait(context, ref, task)
  }
  await undo.forget()
}

/** All members, the master first. @throws connection.unsupported when one is off */
async function membersOf({ xapi }: XapiContext, pool: Ref<'pool'>): Promise<readonly Member[]> {
  const { client } = xapi
  const master = await client.pool.get_master(pool)
  const members: Member[] = []
  for (const [ref, { uuid, name_label: name, metrics }] of await client.host.get_all_records()) {
    const live = metrics !== null && (await client.host_metrics.get_live(metrics))
    if (!live) {
      throw connectionErrors.unsupported({
        action: 'Going through the hosts',
        reason: `${name} is off or cut off. Bring it back, or take it out of the pool.`,
      })
    }
    members.push({ ref, uuid, name })
  }
  return members.toSorted((a, b) => Number(b.ref === master) - Number(a.ref === master) || (a.name < b.name ? -1 : 1))
}

/** @throws connection.unsupported with the VMs that cannot leave a host */
async function demandMovable({ xapi }: XapiContext, { ref, name }: Member): Promise<void> {
  const { host, VM } = xapi.client
  const stuck = await host.get_vms_which_prevent_evacuation(ref)
  if (stuck.size === 0) return
  const names = await Promise.all(
    [...stuck].slice(0, 10).map(async ([vm, [code = '']]) => `${await VM.get_name_label(vm)} (${code})`),
  )
  throw connectionErrors.unsupported({
    action: 'Going through the hosts',
    reason: `these VMs cannot leave ${name}: ${names.join(', ')}. Shut them down first, or free what holds them.`,
  })
}

/** A host that is rebooted, and when it was started before. */
interface Rebooting {
  readonly host: string
  readonly started: string | undefined
}

/** What a run has written down. */
interface State {
  readonly what: Roll['what']
  readonly done: readonly string[]
  readonly at?: Rebooting | undefined
}

async function stateOf({ xapi }: XapiContext, pool: Ref<'pool'>): Promise<State | undefined> {
  return readRolling((await xapi.client.pool.get_other_config(pool))[rollingKey])
}

async function note({ xapi }: XapiContext, pool: Ref<'pool'>, state: State | undefined): Promise<void> {
  const { pool: pools } = xapi.client
  const text = state && JSON.stringify(state)
  await pools.set_other_config(pool, withKeys(await pools.get_other_config(pool), { [rollingKey]: text }))
}

/** Waits until a host that was rebooting when the run was interrupted answers, at most an hour. */
async function waitForHost({ xapi }: XapiContext, { host: uuid }: Rebooting, task: ActionTask): Promise<void> {
  const { host, host_metrics: metrics } = xapi.client
  for (let waited = 0; waited < 3600; waited += 2) {
    const { metrics: own, name_label: name } = await host.get_record(await host.get_by_uuid(uuid))
    if (own !== null && (await metrics.get_live(own))) return
    task.progress(undefined, `Waiting until ${name} is back`)
    await systemClock.sleep(2000, { signal: task.signal })
  }
}

async function isStartedSince(context: XapiContext, { host: uuid, started }: Rebooting): Promise<boolean> {
  const { host } = context.xapi.client
  const ref = await host.get_by_uuid(uuid)
  const is = await bootTime(context, ref)
  return is !== started
}

interface HaBefore {
  readonly pool: Ref<'pool'>
  readonly storages: readonly Ref<'SR'>[]
  readonly failures: number
  readonly undo: UndoEntry
}

/** Turns high availability off, which would take a rebooting host for a dead one. Written down first. */
async function turnOffHa(context: XapiContext, pool: Ref<'pool'>, task: ActionTask): Promise<HaBefore | undefined> {
  const { client } = context.xapi
  const record: Records['pool'] = await client.pool.get_record(pool)
  if (!record.ha_enabled) return undefined
  const found = await Promise.all(record.ha_statefiles.map(async (file) => await srOf(context, file)))
  const storages = [...new Set(found)]
  const failures = record.ha_host_failures_to_tolerate
  const data = { pool, storages, failures }
  const undo = await task.undo({ kind: 'pool.enableHa', what: 'Turn high availability on again', data })
  task.log('High availability is off until all hosts are done.')
  await follow(context, client.async.pool.disable_ha(), task)
  return { pool, storages, failures, undo }
}

/** State files are named by reference or uuid of their disk. */
async function srOf({ xapi }: XapiContext, file: string): Promise<Ref<'SR'>> {
  const { VDI } = xapi.client
  // A text of that form is a reference.
  return await VDI.get_SR(file.startsWith('OpaqueRef:') ? (file as Ref<'VDI'>) : await VDI.get_by_uuid(file))
}

async function turnOnHa(context: XapiContext, ha: HaBefore | undefined, task: ActionTask): Promise<void> {
  if (!ha) return
  const { pool } = context.xapi.client.async
  await follow(context, pool.enable_ha(ha.storages, {}), task)
  await follow(context, pool.set_ha_host_failures_to_tolerate(ha.pool, ha.failures), task)
  await ha.undo.forget()
}
