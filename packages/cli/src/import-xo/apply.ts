import { tmpdir } from 'node:os'
import { executeConversion, planConversion } from '@nixen/backup'
import { formatBytes } from '@nixen/core'
import { print, withProgress } from '../command.ts'
import type { NixenContext } from '../context.ts'
import { exitCodes } from '../failure.ts'
import { counted } from '../output/count.ts'
import { openRepository } from '../repo/open.ts'
import { openSource, type ConversionFlags } from './open.ts'

/** `nixen import xo apply FOLDER` */
export async function apply(
  context: NixenContext,
  flags: ConversionFlags & { readonly work?: string },
  folder: string,
): Promise<void> {
  const store = await openSource(context, flags, folder)
  await using repository = await openRepository(context, flags)
  const { signal } = context
  const plan = await planConversion(store, repository, { vm: flags.vm, signal })
  const { converted, failed } = await withProgress(context, flags, (view) =>
    executeConversion(store, repository, {
      plan,
      work: flags.work ?? tmpdir(),
      signal,
      progress: (step, steps, { done, total, name }) =>
        view.update({ done, total, phase: `${name}, backup ${step + 1} of ${steps}` }),
    }),
  )
  const impossible = plan.steps.flatMap(({ backup, state, because }) =>
    state === 'impossible' ? [{ file: backup.file, what: because.join(' ') }] : [],
  )
  const problems = [...plan.problems, ...impossible, ...failed]
  const present = plan.steps.filter(({ state }) => state === 'present').length
  const [read, fresh] = [sum(converted.map((one) => one.readBytes)), sum(converted.map((one) => one.newBytes))]
  const there = present > 0 ? `, ${present} were there already` : ''
  print(context, flags, {
    json: {
      converted: converted.map(({ backup, snapshot, readBytes, newBytes }) => ({
        file: backup.file,
        vm: backup.vm,
        name: backup.name,
        time: backup.time,
        snapshot,
        readBytes,
        newBytes,
      })),
      present,
      problems,
    },
    text: [
      `${counted(converted.length, 'restore point')} made${there}; read ${formatBytes(read)}, new ${formatBytes(fresh)}.`,
      ...problems.map(({ file, what }) => `not converted: ${file}: ${what}`),
    ].join('\n'),
  })
  if (problems.length > 0) context.process.exitCode = exitCodes.different
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, one) => all + one, 0)
}
