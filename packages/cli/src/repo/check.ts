import {
  checkRepository,
  type CheckPhase,
  type CheckResult,
  fileName,
  type Finding,
  type ReadData,
} from '@nixen/backup'
import { formatBytes } from '@nixen/core'
import { print, withProgress, type CommonFlags } from '../command.ts'
import type { NixenContext } from '../context.ts'
import { exitCodes } from '../failure.ts'
import { counted } from '../output/count.ts'
import { formatDate } from '../output/date.ts'
import type { RepoFlags } from './flags.ts'
import { openRepository } from './open.ts'

export interface CheckFlags extends CommonFlags, RepoFlags {
  readonly readData: boolean
  readonly readDataSubset?: ReadData
}

/** `nixen repo check`. Exit code 3 when something is damaged. */
export async function check(context: NixenContext, flags: CheckFlags): Promise<void> {
  await using repository = await openRepository(context, flags)
  const read: ReadData | undefined = flags.readData ? { kind: 'all' } : flags.readDataSubset
  const result = await withProgress(context, flags, (view) =>
    checkRepository(repository, {
      ...(read === undefined ? {} : { read }),
      signal: context.signal,
      progress: ({ phase, done, total }) => view.update({ done, total, phase, unit: phaseUnit(phase) }),
    }),
  )
  print(context, flags, { json: result, text: describeCheck(result) })
  if (!result.ok) context.process.exitCode = exitCodes.different
}

/** What the progress of a check counts. */
export function phaseUnit(phase: CheckPhase): 'bytes' | 'items' {
  return phase === 'data' ? 'bytes' : 'items'
}

/** The findings of a check, and its verdict. */
export function describeCheck({ ok, findings, snapshots, packs, blobs, read }: CheckResult): string {
  const seen = `${counted(snapshots, 'restore point')}, ${counted(packs, 'pack')}, ${counted(blobs, 'blob')}; ${counted(read.packs, 'pack')} (${formatBytes(read.bytes)}) read in full`
  const verdict = ok
    ? 'The repository is whole.'
    : `The repository is damaged: ${counted(findings.filter(({ severity }) => severity === 'error').length, 'finding')}.`
  return [...findings.map(describeFinding), verdict, seen].join('\n')
}

function describeFinding({ severity, file, message, affects }: Finding): string {
  const lines = affects.map(
    ({ snapshot, hostname, time, path, ranges }) =>
      `    restore point ${snapshot.slice(0, 8)} (${hostname}, ${formatDate(time)}) loses ${rangesText(ranges)} of ${path}`,
  )
  return [`${severity}: ${file ? `${fileName(file)}: ` : ''}${message}`, ...lines].join('\n')
}

function rangesText(ranges: readonly { offset: number; length: number }[]): string {
  if (ranges.length === 0) return 'all'
  const shown = ranges.slice(0, 5).map(({ offset, length }) => `${formatBytes(length)} at byte ${offset}`)
  return [...shown, ...(ranges.length > shown.length ? [`and ${ranges.length - shown.length} more ranges`] : [])].join(
    ', ',
  )
}
