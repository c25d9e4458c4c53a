import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { messageOf } from '@nixen/core'
import { copyFlake, hashOfLock, publishLock } from './candidate.ts'
import { applianceErrors } from './errors.ts'
import { defaultGeneration, resolved } from './generations.ts'
import type { Health } from './health.ts'
import type { Journal, OpenRun, PastRun, Step } from './journal.ts'
import {
  activate,
  bootId,
  buildSystem,
  health,
  makeDefault,
  prune,
  returnTo,
  workFolders,
  type Work,
} from './machine.ts'
import { runProgram } from './programs.ts'

/** The kind that takes the configuration as it is, without newer inputs. */
export const applyKind = 'configuration'

/** Kinds of updates that this machine has. */
export function kindsOf({ config }: Pick<Work, 'config'>): readonly string[] {
  return [applyKind, ...Object.keys(config.kinds)]
}

/**
 * Updates the machine: a copy of the configuration gets newer inputs, is built, activated, and kept only if Nixen answers then. Whatever fails or
 * is interrupted, the machine goes back to what it ran, and the configuration stays what it was. Returns how it ended; does not throw for
 * a new system that was not good.
 *
 * @throws appliance.unknown_kind, appliance.no_flake, appliance.interrupted_before, appliance.state_damaged
 */
export async function update(kind: string, journal: Journal, work: Work): Promise<PastRun> {
  const { config, log } = work
  const known = kindsOf(work)
  if (!known.includes(kind)) throw applianceErrors.unknown_kind({ kind, known })
  if (!existsSync(join(config.flake, 'flake.nix'))) throw applianceErrors.no_flake({ directory: config.flake })
  const left = journal.open()
  if (left !== undefined) throw applianceErrors.interrupted_before(left)
  const run = new Run(journal, work, beginning(kind, work))
  try {
    return await run.toEnd()
  } catch (error) {
    log(`${messageOf(error)}\n`)
    return await undo(run.state, journal, work, work.signal.aborted ? 'It was interrupted.' : messageOf(error))
  } finally {
    clean(work)
  }
}

function beginning(kind: string, { config, clock }: Work): OpenRun {
  const previous = resolved(config.currentSystem) ?? ''
  return {
    id: `${new Date(clock.now()).toISOString()}-${kind}`,
    kind,
    step: 'prepare',
    startedAt: clock.now(),
    boot: bootId(),
    previous: { system: previous, generation: defaultGeneration(config.profile) },
    target: null,
    publishes: kind !== applyKind,
    lockBefore: hashOfLock(config.flake),
  }
}

/** One update on its way. */
class Run {
  state: OpenRun
  readonly #journal: Journal
  readonly #work: Work

  constructor(journal: Journal, work: Work, state: OpenRun) {
    this.#journal = journal
    this.#work = work
    this.state = state
  }

  /** Written down before it begins. */
  #enter(step: Step, more: Partial<OpenRun> = {}): void {
    this.state = { ...this.state, ...more, step }
    this.#journal.write(this.state)
  }

  async toEnd(): Promise<PastRun> {
    const { config } = this.#work
    this.#enter('prepare')
    await this.#prepare()
    if (this.state.publishes) {
      this.#enter('inputs')
      await this.#updateInputs()
      if (hashOfLock(workFolders(config).candidate) === this.state.lockBefore)
        return end(this.state, this.#journal, this.#work, { outcome: 'unchanged', message: 'There is nothing newer.' })
    }
    this.#enter('build')
    const target = await buildSystem(this.#work)
    if (target !== this.state.previous.system) await this.#switchTo(target)
    else this.#enter('publish', { target })
    return await finish(this.state, this.#journal, this.#work)
  }

  async #prepare(): Promise<void> {
    const { config, signal, log } = this.#work
    const place = { folder: workFolders(config).candidate, git: config.programs.git }
    await copyFlake(config.flake, place, { step: 'prepare', signal, log })
  }

  async #updateInputs(): Promise<void> {
    const { config, signal, log } = this.#work
    const names = config.kinds[this.state.kind]?.inputs ?? []
    const command = [
      config.programs.nix,
      'flake',
      'update',
      ...names,
      '--flake',
      `path:${workFolders(config).candidate}`,
    ]
    await runProgram(command, { step: 'inputs', signal, log })
  }

  async #switchTo(target: string): Promise<void> {
    const { config, signal, log } = this.#work
    this.#enter('snapshot', { target })
    if (config.snapshot) await runProgram(config.snapshot, { step: 'snapshot', signal, log })
    this.#enter('activate')
    await activate(target, { step: 'activate', signal, log })
    this.#enter('health')
    const found = await health(this.#work, signal)
    if (!found.ok) throw applianceErrors.unhealthy({ reason: found.reason })
    this.#enter('commit')
    await makeDefault(target, this.#work, 'commit')
    this.#enter('publish')
  }
}

/** What is left when the machine runs the new system and boots it: the lock file, old generations, the history. Can be done again. */
async function finish(run: OpenRun, journal: Journal, work: Work): Promise<PastRun> {
  const { config, log } = work
  const notes: string[] = []
  if (run.publishes) {
    const place = { folder: workFolders(config).candidate, git: config.programs.git }
    const options = { step: 'publish', log, before: run.lockBefore, subject: `flake.lock: ${run.kind}` } as const
    const note = await publishLock(config.flake, place, options)
    if (note !== undefined) notes.push(note)
  }
  try {
    await prune(config.kinds[run.kind]?.keepGenerations ?? config.keepGenerations, work)
  } catch (error) {
    // The update is good; the next garbage collection tries again.
    notes.push(`Old generations are still there: ${messageOf(error)}`)
  }
  const changed = run.target !== run.previous.system
  const message = [changed ? `The machine runs ${run.target}.` : 'What was built runs already.', ...notes].join(' ')
  return end(run, journal, work, { outcome: changed ? 'updated' : 'unchanged', message })
}

/** Takes back what a run may have done, as far as it had come. */
async function undo(run: OpenRun, journal: Journal, work: Work, reason: string): Promise<PastRun> {
  const { previous, target, step } = run
  // The machine runs the new system, and it is good: only what comes behind has failed.
  if (step === 'publish') return await finish(run, journal, work)
  if (!['activate', 'health', 'commit'].includes(step))
    return end(run, journal, work, { outcome: 'failed', message: `${reason} Nothing of the machine was changed.` })
  try {
    await returnTo(previous, work)
  } catch (cause) {
    // The run stays open: "recover", at the next start of the machine too, tries again.
    throw applianceErrors.rollback_failed({ previous: previous.system, reason: messageOf(cause) }, { cause })
  }
  const found = await healthAfterReturn(work)
  const { message } = applianceErrors.rolled_back({ target: target ?? '', previous: previous.system, reason })
  return end(run, journal, work, {
    outcome: 'rolled-back',
    message: found.ok ? message : `${message} It does not answer either: ${found.reason}`,
  })
}

/**
 * Whether the old Nixen answers again. A newer one may have changed the state, which an older one then refuses: the copy that was made before
 * the update takes its place.
 */
async function healthAfterReturn(work: Work): Promise<Health> {
  const { config, log } = work
  const found = await health(work)
  if (found.ok || config.snapshot === null || config.restore === null) return found
  try {
    await runProgram(config.restore, { step: 'roll back', log })
    return await health(work)
  } catch (error) {
    return { ok: false, reason: `${found.reason} ${messageOf(error)}` }
  }
}

/** Ends what an earlier process has left: forward if the new system had answered, otherwise back. Undefined when nothing was left. */
export async function recover(journal: Journal, work: Work): Promise<PastRun | undefined> {
  const run = journal.open()
  if (run === undefined) return undefined
  work.log(`The update ${run.id} was interrupted at "${run.step}".\n`)
  try {
    if (run.step === 'commit' || run.step === 'publish') return await forward(run, journal, work)
    const reason = `The update was interrupted at "${run.step}".`
    if (run.boot !== bootId() && resolved(work.config.currentSystem) === run.previous.system)
      return end(run, journal, work, {
        outcome: 'interrupted',
        message: `${reason} The machine has restarted with what it ran before.`,
      })
    return await undo(run, journal, work, reason)
  } finally {
    clean(work)
  }
}

/** The new system has answered before. It is made what boots, and runs. */
async function forward(run: OpenRun, journal: Journal, work: Work): Promise<PastRun> {
  const { target } = run
  if (run.step === 'commit' && target !== null) {
    try {
      await makeDefault(target, work, 'commit')
      if (resolved(work.config.currentSystem) !== target) await activate(target, { step: 'commit', log: work.log })
    } catch (error) {
      return await undo(run, journal, work, messageOf(error))
    }
  }
  return await finish(run, journal, work)
}

function end(
  run: OpenRun,
  journal: Journal,
  { clock }: Work,
  { outcome, message }: Pick<PastRun, 'outcome' | 'message'>,
): PastRun {
  const { id, kind, startedAt, previous, target } = run
  const past = { id, kind, startedAt, endedAt: clock.now(), outcome, previous: previous.system, target, message }
  journal.end(past)
  return past
}

/** The candidate is kept while a run is open: it has the lock file that is to be published. */
function clean({ config }: Work): void {
  if (existsSync(join(config.stateDirectory, 'run.json'))) return
  const { candidate, build } = workFolders(config)
  for (const folder of [candidate, build]) rmSync(folder, { recursive: true, force: true })
}

/** Goes to a generation of before, in the same careful way: activated, kept only if Nixen answers. */
export async function rollBack(
  to: { readonly system: string; readonly number: number },
  journal: Journal,
  work: Work,
): Promise<PastRun> {
  const left = journal.open()
  if (left !== undefined) throw applianceErrors.interrupted_before(left)
  const state: OpenRun = { ...beginning('roll-back', work), publishes: false, target: to.system }
  let current = state
  const enter = (step: Step): void => {
    current = { ...state, step }
    journal.write(current)
  }
  try {
    enter('activate')
    await activate(to.system, { step: 'activate', signal: work.signal, log: work.log })
    enter('health')
    const found = await health(work, work.signal)
    if (!found.ok) throw applianceErrors.unhealthy({ reason: found.reason })
    enter('commit')
    const { profile, programs } = work.config
    const options = { step: 'commit', log: work.log } as const
    await runProgram([programs.nixEnv, '-p', profile, '--switch-generation', String(to.number)], options)
    await makeDefault(to.system, work, 'commit')
    return end(current, journal, work, {
      outcome: 'updated',
      message: `The machine runs generation ${to.number} again.`,
    })
  } catch (error) {
    return await undo(current, journal, work, messageOf(error))
  }
}
