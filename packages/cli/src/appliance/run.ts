import { isAppError } from '@nixen/core'
import { print, type CommonFlags } from '../command.ts'
import type { NixenContext } from '../context.ts'
import { exitCodes } from '../failure.ts'
import { formatDate } from '../output/date.ts'
import { formatTable } from '../output/table.ts'
import { readApplianceConfig, type ApplianceConfig } from './config.ts'
import { applianceErrors } from './errors.ts'
import { defaultGeneration, listGenerations, resolved } from './generations.ts'
import { ask } from './health.ts'
import { openJournal, readHistory, readOpenRun, type Journal, type PastRun } from './journal.ts'
import { prune, type Work } from './machine.ts'
import { noticeOf, tell } from './notify.ts'
import { runProgram } from './programs.ts'
import { recover as recoverRun, rollBack, update as updateRun } from './update.ts'

export interface ApplianceFlags extends CommonFlags {
  readonly config?: string
}

function workOf(context: NixenContext, flags: ApplianceFlags): Work {
  const log = (text: string): void => context.process.stderr.write(text)
  return { config: readApplianceConfig(flags.config), clock: context.clock, signal: context.signal, log }
}

/** Says how a run ended, to whoever typed the command and to whoever is to be told. */
async function report(
  context: NixenContext,
  flags: ApplianceFlags,
  config: ApplianceConfig,
  run: PastRun,
): Promise<void> {
  print(context, flags, { json: run, text: `${run.kind}: ${run.outcome}. ${run.message}` })
  if (run.outcome !== 'updated' && run.outcome !== 'unchanged') context.process.exitCode = exitCodes.failed
  const notice = noticeOf(run, config)
  if (notice === undefined) return
  for (const failure of await tell(notice, run, config))
    context.process.stderr.write(`nixen: the notification was not delivered by ${failure}\n`)
}

/** `nixen appliance update` */
export async function update(context: NixenContext, flags: ApplianceFlags, kind: string): Promise<void> {
  const work = workOf(context, flags)
  using journal = openJournal(work.config.stateDirectory)
  await report(context, flags, work.config, await updateRun(kind, journal, work))
}

/** `nixen appliance recover` */
export async function recover(context: NixenContext, flags: ApplianceFlags): Promise<void> {
  const work = workOf(context, flags)
  using journal = openUnlessBusy(work.config.stateDirectory)
  if (!journal) return print(context, flags, { json: null, text: 'An update is at work: nothing to recover.' })
  const run = await recoverRun(journal, work)
  if (run) await report(context, flags, work.config, run)
  else print(context, flags, { json: null, text: 'No update was interrupted.' })
}

/** Whoever holds the journal is alive, and ends what it has begun. */
function openUnlessBusy(directory: string): Journal | undefined {
  try {
    return openJournal(directory)
  } catch (error) {
    if (isAppError(error, 'appliance.busy')) return undefined
    throw error
  }
}

export interface RollbackFlags extends ApplianceFlags {
  readonly to?: number
}

/** `nixen appliance rollback` */
export async function rollback(context: NixenContext, flags: RollbackFlags): Promise<void> {
  const work = workOf(context, flags)
  using journal = openJournal(work.config.stateDirectory)
  const generations = listGenerations(work.config.profile)
  const current = defaultGeneration(work.config.profile)
  const wanted = flags.to ?? generations.findLast(({ number }) => number < current)?.number
  if (wanted === undefined) throw applianceErrors.no_previous()
  const to = generations.find(({ number }) => number === wanted)
  if (!to) throw applianceErrors.no_generation({ number: wanted, known: generations.map(({ number }) => number) })
  await report(context, flags, work.config, await rollBack(to, journal, work))
}

export interface GcFlags extends ApplianceFlags {
  readonly keep?: number
  readonly dryRun: boolean
}

/** `nixen appliance gc` */
export async function gc(context: NixenContext, flags: GcFlags): Promise<void> {
  const work = workOf(context, flags)
  const { config, log } = work
  using journal = openJournal(config.stateDirectory)
  const left = journal.open()
  if (left !== undefined) throw applianceErrors.interrupted_before(left)
  const gone = await prune(flags.keep ?? config.keepGenerations, work, { dryRun: flags.dryRun })
  if (!flags.dryRun) await runProgram([config.programs.nix, 'store', 'gc'], { step: 'collect garbage', log })
  const numbers = gone.map(({ number }) => number)
  const text = `${flags.dryRun ? 'Would remove' : 'Removed'} ${numbers.length === 0 ? 'no generation' : `generations ${numbers.join(', ')}`}.`
  print(context, flags, { json: { removed: numbers, dryRun: flags.dryRun }, text })
}

/** `nixen appliance history` */
export async function history(context: NixenContext, flags: ApplianceFlags & { readonly last: number }): Promise<void> {
  const { stateDirectory } = readApplianceConfig(flags.config)
  const runs = readHistory(stateDirectory).slice(-flags.last).toReversed()
  const text =
    runs.length === 0
      ? 'There was no update yet.'
      : formatTable(runs, [
          { title: 'WHEN', text: ({ startedAt }) => formatDate(startedAt) },
          { title: 'UPDATE', text: ({ kind }) => kind },
          { title: 'OUTCOME', text: ({ outcome }) => outcome },
          { title: 'MESSAGE', text: ({ message }) => message },
        ])
  print(context, flags, { json: runs, text })
}

/** `nixen appliance status` */
export async function status(context: NixenContext, flags: ApplianceFlags): Promise<void> {
  const config = readApplianceConfig(flags.config)
  const generations = listGenerations(config.profile)
  const current = defaultGeneration(config.profile)
  const [running, booted] = [resolved(config.currentSystem), resolved(config.bootedSystem)]
  const open = readOpenRun(config.stateDirectory)
  const runs = readHistory(config.stateDirectory)
  const last = Object.keys(config.kinds).map((kind) => ({ kind, run: runs.findLast((run) => run.kind === kind) }))
  const health = await ask(config.health.url)
  const boots = generations.find(({ number }) => number === current)?.system
  const found = {
    healthy: health.ok,
    running,
    booted,
    boots,
    generation: current,
    generations: generations.length,
    interrupted: open ?? null,
    last: Object.fromEntries(last.map(({ kind, run }) => [kind, run ?? null])),
  }
  const lines = [
    `Nixen:        ${health.ok ? 'answers' : `does not answer (${health.reason})`}`,
    `Runs:         ${running ?? 'unknown'}`,
    `Boots:        ${boots === running ? `the same, generation ${current}` : `${boots ?? 'unknown'}, generation ${current}`} of ${generations.length}`,
    `Was booted:   ${booted === running ? 'the same' : (booted ?? 'unknown')}`,
    ...last.map(
      ({ kind, run }) =>
        `${`${kind}:`.padEnd(13)} ${run ? `${run.outcome} ${formatDate(run.endedAt)}. ${run.message}` : 'never'}`,
    ),
    ...(open === undefined
      ? []
      : [`INTERRUPTED:  ${open.kind} at "${open.step}", or at work now; if not, "nixen appliance recover" ends it.`]),
  ]
  print(context, flags, { json: found, text: lines.join('\n') })
  if (!health.ok || (open === undefined && boots !== running)) context.process.exitCode = exitCodes.different
}
