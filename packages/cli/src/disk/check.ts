import { checkDisk, type Finding } from '@nixen/disk'
import { print, type CommonFlags } from '../command.ts'
import type { NixenContext } from '../context.ts'
import { exitCodes } from '../failure.ts'
import { counted } from '../output/count.ts'
import { openOptions, type OpenFlags } from './flags.ts'

/** More findings than this are counted, not listed. */
const listed = 1000

/** `nixen disk check IMAGE`. Exit code 3 when something is wrong. */
export async function checkCommand(context: NixenContext, flags: CommonFlags & OpenFlags, path: string): Promise<void> {
  const findings: Finding[] = []
  const count = { error: 0, warning: 0, note: 0 }
  for await (const finding of checkDisk(path, openOptions(flags, context.signal))) {
    context.signal.throwIfAborted()
    count[finding.severity]++
    if (findings.length < listed) findings.push(finding)
  }
  const total = count.error + count.warning + count.note
  const lines = findings.map(
    ({ severity, message, offset }) => `${severity}: ${message}${offset === undefined ? '' : ` (at byte ${offset})`}`,
  )
  if (total > findings.length) lines.push(`… and ${total - findings.length} more`)
  lines.push(
    total === 0
      ? `${path}: nothing is wrong.`
      : `${path}: ${counted(count.error, 'error')}, ${counted(count.warning, 'warning')}, ${counted(count.note, 'note')}`,
  )
  print(context, flags, { json: { path, ...count, findings }, text: lines.join('\n') })
  if (count.error + count.warning > 0) context.process.exitCode = exitCodes.different
}
