import { randomBytes } from 'node:crypto'
import {
  parsePointId,
  pointErrors,
  verifyErrors,
  type CheckWish,
  type ConnectionId,
  type JobId,
  type Point,
} from '@nixen/api'
import { isAppError, messageOf, type Clock } from '@nixen/core'
import type { ActionTask, CheckPlace, GuestSigns, ProviderSession, RestoredVm, VerifyActions } from '@nixen/providers'
import type { Connections } from '../connections/connections.ts'
import { readStoredVm, type StoredVm } from '../protect/stored-vm.ts'
import { toTask } from '../repositories/to-task.ts'
import type { Repositories } from '../repositories/repositories.ts'
import { journalOn } from '../tasks/journal-on.ts'
import type { CheckRecord, NewCheck } from './check-record.ts'
import type { Checks } from './checks.ts'
import { judge, nothingSeen, type Verdict } from './judge.ts'

export interface CheckPorts {
  readonly repositories: Repositories
  readonly connections: Connections
  readonly checks: Checks
  readonly clock: Clock
}

export interface CheckRequest {
  readonly point: Point
  readonly stored: StoredVm
  /** Where it is started. */
  readonly connection: ConnectionId
  readonly wish: Pick<CheckWish, 'storage' | 'demand' | 'patience' | 'settle'>
  /** Name of who asks. */
  readonly by?: string | undefined
  readonly job?: JobId | undefined
}

/** On VMs of health checks, which no job takes in by a query. */
export const checkTag = 'nixen:health-check'

/** Milliseconds between two looks at a guest. */
const lookEvery = 2000
/** Milliseconds for removing what a check made. */
const removeTime = 180_000

/** What a restore fails with when the restore point itself is bad: that is an outcome of the check. Everything else is a check that could not be made. */
const damage: ReadonlySet<string> = new Set([
  'backup.restore_damaged',
  'backup.file_damaged',
  'backup.file_not_in_snapshot',
  'backup.blob_missing',
])

/**
 * Restores a point into a place that is cut off, starts it, and writes down what came of it. Nothing of it stays on the host. Gives the record, also
 * of a check that failed; throws when none could be made (no room, no connection), which says nothing about the restore point.
 */
export async function checkPoint(ports: CheckPorts, request: CheckRequest, task: ActionTask): Promise<CheckRecord> {
  const session = ports.connections.session(request.connection)
  const { verify } = session
  const { name } = request.point
  if (!verify) throw verifyErrors.not_possible({ name, reason: `${session.product} has no health checks here.` })
  const journal = journalOn(task, request.connection)
  task.progress(undefined, 'Making a place that is cut off')
  const place = await verify.makePlace({ name, journal, signal: task.signal })
  let outcome: Outcome
  try {
    outcome = await inPlace(ports, { ...request, session, verify, place }, task)
  } catch (error) {
    await removeAfter(verify, place, task)
    throw error
  }
  const record = await ports.checks.save(request.point, newCheck(ports, request, { session, outcome }), {
    picture: outcome.picture,
    signal: task.signal,
  })
  task.progress(undefined, 'Removing the VM')
  // What cannot be removed now fails the task: its step of the journal is then tried until it can.
  await verify.remove(place, { signal: AbortSignal.timeout(removeTime) })
  return record
}

/** The error of the check is what counts; its place is in the journal. */
async function removeAfter(verify: VerifyActions, place: CheckPlace, task: ActionTask): Promise<void> {
  try {
    await verify.remove(place, { signal: AbortSignal.timeout(removeTime) })
  } catch (error) {
    task.log(`The VM of the health check is still there and will be removed later: ${messageOf(error)}`)
  }
}

interface Placed extends CheckRequest {
  readonly session: ProviderSession
  readonly verify: VerifyActions
  readonly place: CheckPlace
}

interface Outcome {
  readonly state: CheckRecord['state']
  readonly reason?: string | undefined
  readonly restoring: number
  readonly starting?: number | undefined
  readonly bytes?: number | undefined
  readonly signs?: GuestSigns | undefined
  readonly notes: readonly string[]
  readonly picture?: Uint8Array | undefined
}

async function inPlace(ports: CheckPorts, placed: Placed, task: ActionTask): Promise<Outcome> {
  const { clock } = ports
  const { verify, place, wish } = placed
  const began = clock.monotonic()
  let restored: RestoredVm
  try {
    restored = await restore(ports, placed, task)
  } catch (error) {
    if (!isAppError(error) || !damage.has(error.code)) throw error
    const reason = `It cannot be restored: ${error.message}`
    return { state: 'failed', reason, restoring: clock.monotonic() - began, notes: [] }
  }
  const restoring = clock.monotonic() - began
  const bytes = restored.disks.reduce((sum, { sentBytes }) => sum + sentBytes, 0)
  const challenge = randomBytes(12).toString('hex')
  task.progress(undefined, 'Starting')
  await verify.start(place, { vm: restored.vm, challenge, signal: task.signal })
  const { verdict, signs, picture } = await watch(ports, { ...placed, restored, challenge }, task)
  const notes = [...restored.notes.map(({ text }) => text), ...verdict.watched.doubts, ...differences(placed, signs)]
  const shared = { restoring, bytes, signs, notes, picture }
  if (verdict.kind === 'failed') return { ...shared, state: 'failed', reason: verdict.reason }
  const starting = verdict.kind === 'passed' ? verdict.after : wish.patience
  return { ...shared, state: 'passed', starting }
}

async function restore(
  { repositories, connections }: CheckPorts,
  { point, stored, session, place, connection, wish }: Placed,
  task: ActionTask,
): Promise<RestoredVm> {
  const { config } = stored
  const { repository, snapshot } = partsOf(point)
  const plan = await session.protect.planRestore(
    {
      config,
      identity: { kind: 'new' },
      name: place.name,
      // Memory of a running VM would go on with connections of that time: the disks are what is proved.
      disks: config.disks.filter(({ kind }) => kind === 'disk').map(({ key }) => key),
      storage: wish.storage,
      networkOf: Object.fromEntries(config.nics.map(({ network }) => [network.key, place.network])),
      addTags: [checkTag],
    },
    { signal: task.signal },
  )
  if (plan.problems.length > 0) throw verifyErrors.not_possible({ name: point.name, reason: plan.problems.join(' ') })
  const spec = connections.spec(connection)
  const input = { connection: spec, plan, owner: checkTag, snapshot }
  return await repositories.run('restoreVm', repository, input, {
    ...toTask(task),
    journal: journalOn(task, connection),
  })
}

interface Watching extends Placed {
  readonly restored: RestoredVm
  readonly challenge: string
}

/** Looks until there is a verdict; the picture is of that moment. */
async function watch(
  { clock }: CheckPorts,
  { verify, restored, challenge, wish }: Watching,
  task: ActionTask,
): Promise<{ verdict: Verdict; signs: GuestSigns; picture: Uint8Array | undefined }> {
  const { signal } = task
  const started = clock.monotonic()
  let watched = nothingSeen
  for (;;) {
    const signs = await verify.look(restored.vm, { challenge, signal })
    const verdict = judge(watched, { signs, at: clock.monotonic() - started }, wish)
    if (verdict.kind !== 'waiting') {
      return { verdict, signs, picture: await pictureOf(verify, restored, { signs, task }) }
    }
    watched = verdict.watched
    task.progress(undefined, `Waiting for ${verdict.until}`)
    const left = wish.settle - (clock.monotonic() - started - (watched.goodSince ?? Infinity))
    await clock.sleep(Math.max(20, Math.min(lookEvery, left)), { signal })
  }
}

async function pictureOf(
  verify: VerifyActions,
  { vm }: RestoredVm,
  { signs, task }: { signs: GuestSigns; task: ActionTask },
): Promise<Uint8Array | undefined> {
  if (signs.boot === undefined) return undefined
  try {
    return await verify.picture(vm, { signal: task.signal })
  } catch (error) {
    task.signal.throwIfAborted()
    task.log(`There is no picture of the screen: ${messageOf(error)}`)
    return undefined
  }
}

/** What the guest says of itself that does not fit what was backed up. */
function differences({ point }: Placed, { agent }: GuestSigns): string[] {
  if (agent.state !== 'up' || agent.os === undefined || point.os === undefined || agent.os === point.os) return []
  return [`The guest agent says that it is ${agent.os}; it was ${point.os} when it was backed up.`]
}

function newCheck(
  { clock }: CheckPorts,
  { point, wish, by, job }: CheckRequest,
  { session, outcome }: { session: ProviderSession; outcome: Outcome },
): NewCheck {
  const { state, reason, restoring, starting, bytes, signs, notes } = outcome
  const agent = signs?.agent.state === 'up' ? signs.agent : undefined
  const optional = { reason, starting, bytes, by, job, os: agent?.os, answer: signs?.answer?.text }
  return {
    // Left out rather than undefined: it becomes JSON.
    ...(Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined)) as typeof optional),
    snapshot: partsOf(point).snapshot,
    state,
    time: clock.now(),
    where: session.product,
    demand: wish.demand,
    restoring: Math.round(restoring),
    ...(agent ? { ips: [...agent.ips] } : {}),
    notes: [...notes],
  }
}

function partsOf({ id }: Point) {
  const parts = parsePointId(id)
  if (!parts) throw new TypeError(`${id} is no restore point.`)
  return parts
}

/** How the VM of a point was set up. @throws point.not_ours, point.gone, repository.* */
export async function storedVmOf(
  { repositories }: Pick<CheckPorts, 'repositories'>,
  point: Point,
  signal: AbortSignal,
): Promise<StoredVm> {
  const { repository, snapshot } = partsOf(point)
  const { id, name } = point
  try {
    const stored = readStoredVm((await repositories.run('content', repository, { snapshot }, { signal })).vm)
    if (stored) return stored
  } catch (error) {
    if (!isAppError(error, 'backup.snapshot_not_found')) throw error
    throw pointErrors.gone({ id, name }, { cause: error })
  }
  throw pointErrors.not_ours({ id, name })
}
