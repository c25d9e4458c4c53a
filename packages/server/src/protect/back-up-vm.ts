import { connectionOfId, type Point, type RepositoryId, type VmId } from '@nixen/api'
import { isAppError, messageOf } from '@nixen/core'
import type { ActionTask, ConfigDisk, FrozenVm, ProtectActions } from '@nixen/providers'
import type { ItemResult, RunContext } from '../jobs/job-kind.ts'
import { sampleSize, type BackedUpDisk, type BackupOutput } from '../worker/operations/backup.ts'
import type { Consistency } from '../worker/point-record.ts'
import { jobTag, type BackingUpPorts, type BackupWork } from './backup.ts'
import { tokensToDrop } from './drop-tokens.ts'
import { frozenWhileOff } from './freeze-off.ts'
import { Moved } from './moved.ts'
import { readStoredVm, storedVm, type StoredVm } from './stored-vm.ts'

export interface BackupOfVm {
  readonly context: RunContext
  readonly work: BackupWork
  readonly id: VmId
  readonly exclude: ((disk: ConfigDisk) => string | undefined) | undefined
}

/** What came of one repository. */
type Outcome =
  | {
      readonly repository: RepositoryId
      readonly ok: true
      readonly output: BackupOutput
      readonly base: Base | undefined
    }
  | { readonly repository: RepositoryId; readonly ok: false; readonly error: unknown; readonly base: Base | undefined }

/** The restore point that a new one builds on. */
interface Base {
  readonly point: Point
  readonly stored: StoredVm
}

const week = 7 * 24 * 3600 * 1000

/**
 * Backs one VM up: freezes it, stores it in every repository at the same time, keeps on the host what the next run builds on. A repository
 * that fails costs the others nothing; the VM's run fails all the same, so that nobody takes it for whole.
 */
export async function backUpVm(ports: BackingUpPorts, backup: BackupOfVm, task: ActionTask): Promise<ItemResult> {
  const { work, id } = backup
  const connection = connectionOfId(id)
  const { protect } = ports.connections.session(connection)
  task.progress(undefined, 'Freezing')
  const frozen = await freeze(protect, backup, task)
  // A host that can't ask the guest says so each night: only who asked for "require" is told, and by a failure.
  const notes = frozen.notes.filter(({ code }) => code !== 'not-quiesced').map(({ text }) => text)
  for (const { disk, reason } of frozen.excluded) notes.push(`The disk ${disk.name} is left out: ${reason}`)
  const outcomes = await storeEverywhere(ports, { ...backup, frozen }, task)
  const good = outcomes.filter((outcome) => outcome.ok)
  if (good.length === 0) {
    await protect.release(frozen)
    throw firstError(outcomes) ?? new TypeError('Nothing was stored, and nothing failed.')
  }
  const others = newestElsewhere(ports, work, pathOf(frozen))
  const drop = await tokensToDrop(protect, { frozen, outcomes, others, signal: task.signal })
  const kept = await protect.keep(frozen, { data: work.keepData ? 'keep' : 'purge', drop })
  for (const { text } of kept.notes) notes.push(text)
  const facts = good.flatMap(({ output, base, repository }) =>
    notesOf(output, base !== undefined, nameIn(ports, repository, work)),
  )
  for (const note of [...notes, ...facts.map(({ text }) => text)]) task.log(note)
  const error = firstError(outcomes)
  // The other repositories have the point; it is not called done while one has not.
  if (error !== undefined) throw error
  return {
    read: sum(good, 'readBytes'),
    written: sum(good, 'storedBytes'),
    notes: [...notes, ...facts.map(({ text }) => text)],
    warned: facts.some(({ warns }) => warns),
  }
}

async function freeze(protect: ProtectActions, backup: BackupOfVm, task: ActionTask): Promise<FrozenVm> {
  const { context, work, id, exclude } = backup
  const options = {
    owner: context.job.id,
    mode: work.mode,
    quiesce: work.quiesce,
    ...(exclude ? { exclude } : {}),
    journal: task,
    signal: task.signal,
  }
  if (work.mode === 'halted') return await frozenWhileOff(protect, id, options, task)
  if (work.mode === 'crash') return await protect.freeze(id, options)
  try {
    return await protect.freeze(id, options)
  } catch (error) {
    // A VM that is off has no memory to keep.
    if (!isAppError(error, 'vm.bad_power_state')) throw error
    return await protect.freeze(id, { ...options, mode: 'crash' })
  }
}

interface Storing extends BackupOfVm {
  readonly frozen: FrozenVm
}

async function storeEverywhere(ports: BackingUpPorts, storing: Storing, task: ActionTask): Promise<readonly Outcome[]> {
  const moved = new Moved(task)
  return await Promise.all(
    storing.work.repositories.map(async (repository): Promise<Outcome> => {
      let base: Base | undefined
      try {
        base = await baseIn(ports, repository, { storing, task })
        const output = await store(ports, { ...storing, repository, base, moved }, task)
        task.log(
          `Stored in ${ports.repositories.nameOf(repository) ?? repository}: ${output.readBytes} bytes read, ${output.storedBytes} written.`,
        )
        return { repository, ok: true, output, base }
      } catch (error) {
        task.log(`Not stored in ${ports.repositories.nameOf(repository) ?? repository}: ${messageOf(error)}`)
        return { repository, ok: false, error, base }
      }
    }),
  )
}

/** The newest restore point of this VM in a repository, if Nixen wrote it from this connection. */
async function baseIn(
  { repositories }: BackingUpPorts,
  repository: RepositoryId,
  { storing, task }: { readonly storing: Storing; readonly task: ActionTask },
): Promise<Base | undefined> {
  const { frozen, id } = storing
  const path = pathOf(frozen)
  const point = newest(repositories.pointsOf(repository), path)
  if (!point) return undefined
  const snapshot = point.id.slice(point.id.indexOf('.') + 1)
  try {
    const { vm } = await repositories.run('content', repository, { snapshot }, { signal: task.signal })
    const stored = readStoredVm(vm)
    return stored && stored.connection === connectionOfId(id) ? { point, stored } : undefined
  } catch (error) {
    // Forgotten by somebody else meanwhile, or damaged: everything is read, and stored where it is missing.
    if (!isAppError(error) || error.retryable) throw error
    task.log(`The restore point before cannot be read, so all is read: ${error.message}`)
    return undefined
  }
}

/** When the newest restore points of a VM were taken in repositories that this run does not write to. */
function newestElsewhere({ repositories }: BackingUpPorts, work: BackupWork, path: string): ReadonlySet<number> {
  const others = repositories.all().filter(({ id }) => !work.repositories.includes(id))
  return new Set(others.flatMap(({ id }) => newest(repositories.pointsOf(id), path)?.time ?? []))
}

function newest(points: Iterable<Point>, path: string): Point | undefined {
  let found: Point | undefined
  for (const point of points) if (point.path === path && (!found || point.time > found.time)) found = point
  return found
}

/** Points of one VM have the same path: its lineage, which survives migration and restore. */
function pathOf({ config }: FrozenVm): string {
  return `/${config.lineage}`
}

interface StoreOptions extends Storing {
  readonly repository: RepositoryId
  readonly base: Base | undefined
  readonly moved: Moved
}

async function store(ports: BackingUpPorts, options: StoreOptions, task: ActionTask): Promise<BackupOutput> {
  const { frozen, context, id, repository, base, moved, work } = options
  const { connections, repositories, inventory, clock } = ports
  const connection = connections.spec(connectionOfId(id))
  const { config } = frozen
  const vm = inventory.get('vm', id)
  const share = base && clock.now() - lastSampled(base) > week ? work.verify : 0
  return await repositories.run(
    'backup',
    repository,
    {
      name: config.name,
      path: pathOf(frozen),
      tags: config.tags,
      time: timeAfter(base, frozen.time),
      facts: {
        uuid: config.key,
        lineage: config.lineage,
        pool: vm && inventory.get('pool', vm.pool)?.name,
        ips: vm?.ips,
        os: vm?.os?.name,
        job: jobTag(context),
        consistency: consistencyOf(frozen),
      },
      vm: storedVm(frozen, connection.id),
      disks: frozen.disks.map(({ key, size }) => {
        const since = base?.stored.tokens[key]
        const source = { kind: 'frozen' as const, connection, frozen, disk: key, since }
        if (!base || since === undefined) return { name: key, source }
        return { name: key, source, changed: { parent: snapshotOf(base.point) }, samples: samplesOf(size, share) }
      }),
      ...(base ? { parent: snapshotOf(base.point) } : {}),
    },
    {
      signal: task.signal,
      progress: (progress) => moved.tell(repository, progress),
      rates: ports.rates.of(context, repository),
    },
  )
}

/** Hosts tell times to the second: two backups within one second are told apart by a millisecond. */
function timeAfter(base: Base | undefined, time: number): number {
  const before = base?.point.time ?? 0
  return before >= time && before - time < 1000 ? before + 1 : time
}

function snapshotOf({ id }: Point): string {
  return id.slice(id.indexOf('.') + 1)
}

/** A point each week is checked: the first of a week. */
function lastSampled({ point }: Base): number {
  // Points within one week of the epoch's weeks belong together.
  return Math.floor(point.time / week) * week
}

function samplesOf(size: number, share: number): number {
  return Math.ceil(Math.ceil(size / sampleSize) * share)
}

function consistencyOf({ mode, quiesced, config }: FrozenVm): Consistency {
  if (mode === 'memory') return 'memory'
  if (mode === 'halted' || config.powerState.toLowerCase() === 'halted') return 'offline'
  return quiesced ? 'quiesced' : 'crash'
}

function firstError(outcomes: readonly Outcome[]): Error | undefined {
  for (const outcome of outcomes) {
    if (!outcome.ok) return outcome.error instanceof Error ? outcome.error : new Error(messageOf(outcome.error))
  }
  return undefined
}

interface Fact {
  readonly text: string
  readonly warns: boolean
}

/** What people want to know: why a whole disk was read, and that what the host calls unchanged was not. */
function notesOf({ disks }: BackupOutput, hadBase: boolean, where: string): readonly Fact[] {
  return disks.flatMap((disk) => [...fallbacksOf(disk, hadBase, where), ...differencesOf(disk, where)])
}

function fallbacksOf(
  { name, because = [], reason, mode }: BackedUpDisk,
  hadBase: boolean,
  where: string,
): readonly Fact[] {
  const known = because.filter(({ code }) => hadBase || code !== 'first')
  const facts = known.map(({ text }) => ({ text: `Disk ${name}${where}: ${text}`, warns: hadBase && mode === 'full' }))
  if (reason !== undefined && known.length === 0 && hadBase)
    facts.push({ text: `Disk ${name}${where}: ${reason}`, warns: true })
  return facts
}

function differencesOf({ name, sampled }: BackedUpDisk, where: string): readonly Fact[] {
  if (!sampled || sampled.differing === 0) return []
  const { checked, differing } = sampled
  const text = `Disk ${name}${where}: ${differing} of ${checked} blocks that the host called unchanged had changed. All of the disk was read. Look after the storage.`
  return [{ text, warns: true }]
}

function nameIn({ repositories }: BackingUpPorts, id: RepositoryId, { repositories: all }: BackupWork): string {
  return all.length === 1 ? '' : ` in ${repositories.nameOf(id) ?? id}`
}

function sum(outcomes: readonly Extract<Outcome, { ok: true }>[], key: 'readBytes' | 'storedBytes'): number {
  return outcomes.reduce((all, { output }) => all + output[key], 0)
}
