import { rebuildIndex, repairRepository, type RebuildResult, type RepairResult } from '@nixen/backup'
import { print, withProgress, type CommonFlags } from '../command.ts'
import type { NixenContext } from '../context.ts'
import { exitCodes } from '../failure.ts'
import { counted } from '../output/count.ts'
import { describeCheck, phaseUnit } from './check.ts'
import type { RepoFlags } from './flags.ts'
import { openRepository } from './open.ts'

/** `nixen repo repair`. Exit code 3 when something is lost. */
export async function repair(context: NixenContext, flags: CommonFlags & RepoFlags): Promise<void> {
  await using repository = await openRepository(context, flags)
  const result = await withProgress(context, flags, (view) =>
    repairRepository(repository, {
      signal: context.signal,
      progress: ({ phase, done, total }) => view.update({ done, total, phase, unit: phaseUnit(phase) }),
    }),
  )
  print(context, flags, { json: result, text: describe(result) })
  if (!result.check.ok) context.process.exitCode = exitCodes.different
}

/** `nixen repo rebuild-index` */
export async function rebuild(context: NixenContext, flags: CommonFlags & RepoFlags): Promise<void> {
  await using repository = await openRepository(context, flags)
  const result = await withProgress(context, flags, (view) =>
    rebuildIndex(repository, {
      signal: context.signal,
      progress: ({ done, total }) => view.update({ done, total, phase: 'packs', unit: 'items' }),
    }),
  )
  print(context, flags, { json: result, text: describeIndex(result) })
}

function describeIndex({ packs, blobs, unreadable, gone }: RebuildResult): string {
  const lines = [`The new index names ${counted(packs, 'pack')} with ${counted(blobs, 'blob')}.`]
  if (gone.length > 0) lines.push(`${counted(gone.length, 'pack')} of the old index are gone: ${gone.join(', ')}`)
  if (unreadable.length > 0)
    lines.push(`The headers of ${counted(unreadable.length, 'pack')} cannot be read: ${unreadable.join(', ')}`)
  return lines.join('\n')
}

function describe({ index, check, packs, points }: RepairResult): string {
  const lines = [describeIndex(index), describeCheck(check)]
  if (packs.packs.length > 0) {
    lines.push(
      `Took ${counted(packs.packs.length, 'damaged pack')} out of the index: ${counted(packs.saved, 'blob')} saved, ${packs.lost} lost.`,
    )
  }
  for (const { from, to } of points) {
    const made = to === undefined ? 'nothing of it could be saved' : `${to.slice(0, 8)} has all that could be saved`
    lines.push(`Restore point ${from.slice(0, 8)} lost something: ${made}.`)
  }
  return lines.join('\n')
}
