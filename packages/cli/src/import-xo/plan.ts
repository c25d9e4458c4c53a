import { planConversion, type XoPlan, type XoStep } from '@nixen/backup'
import { formatBytes } from '@nixen/core'
import { print } from '../command.ts'
import type { NixenContext } from '../context.ts'
import { counted } from '../output/count.ts'
import { formatTable, type Column } from '../output/table.ts'
import { openRepository } from '../repo/open.ts'
import { openSource, type ConversionFlags } from './open.ts'

const columns: readonly Column<XoStep>[] = [
  { title: 'VM', text: ({ backup }) => backup.name, cuttable: true },
  { title: 'TIME', text: ({ backup }) => new Date(backup.time).toISOString().slice(0, 16).replace('T', ' ') },
  { title: 'KIND', text: ({ backup }) => (backup.mode === 'full' ? 'export' : 'disks') },
  { title: 'SIZE', text: ({ size }) => (size === undefined ? '' : formatBytes(size)), align: 'right' },
  { title: 'STATE', text: ({ state, because }) => (because.length === 0 ? state : `${state}: ${because.join(' ')}`) },
]

/** `nixen import xo plan FOLDER` */
export async function plan(context: NixenContext, flags: ConversionFlags, folder: string): Promise<void> {
  const store = await openSource(context, flags, folder)
  await using repository = await openRepository(context, flags)
  const made = await planConversion(store, repository, { vm: flags.vm, signal: context.signal })
  print(context, flags, { json: jsonOf(made), text: `${formatTable(made.steps, columns)}\n\n${summary(made)}` })
}

function summary({ steps, problems }: XoPlan): string {
  const count = (state: XoStep['state']): number => steps.filter((step) => step.state === state).length
  const lines = [
    `${counted(count('convert'), 'backup')} to convert, ${count('present')} converted before, ${count('impossible')} that cannot be read.`,
    ...problems.map(({ file, what }) => `${file}: ${what}`),
  ]
  return lines.join('\n')
}

/** The plan without the records of VMs. */
export function jsonOf({ steps, problems }: XoPlan): object {
  return {
    steps: steps.map(({ backup: { file, vm, name, time, mode }, state, size, because }) => ({
      file,
      vm,
      name,
      time,
      mode,
      state,
      because,
      ...(size !== undefined && { size }),
    })),
    problems,
  }
}
