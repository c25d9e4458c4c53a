import { formatBytes, formatDuration, formatRate } from '@nixen/core'
import { convert, createDisk, diskSizeFor, formatForPath, openDisk, type DiskSource } from '@nixen/disk'
import { print, withProgress, type CommonFlags } from '../command.ts'
import type { NixenContext } from '../context.ts'
import { openOptions, targetOptions, type OpenFlags, type TargetFlags } from './flags.ts'

export type ConvertFlags = CommonFlags & OpenFlags & TargetFlags

/** `nixen disk convert IMAGE TARGET` */
export async function convertCommand(
  context: NixenContext,
  flags: ConvertFlags,
  from: string,
  to: string,
): Promise<void> {
  const start = context.clock.monotonic()
  await using source = await openDisk(from, openOptions(flags, context.signal))
  await using sink = await createDisk(
    to,
    targetOptions(flags, { size: sizeFor(source, flags, to), signal: context.signal }),
  )
  const { written } = await withProgress(context, flags, (view) =>
    convert(source, sink, {
      signal: context.signal,
      progress: ({ bytes, total }) => view.update({ done: bytes, total, phase: 'converting' }),
    }),
  )
  const ms = context.clock.monotonic() - start
  print(context, flags, {
    json: { source: from, target: to, virtualSize: source.size, written, ms: Math.round(ms) },
    text: `${to}: ${formatBytes(source.size)}, ${formatBytes(written)} of it data, in ${formatDuration(ms)} (${formatRate((source.size / ms) * 1000)})`,
  })
}

/** A raw disk may have any length; every other format has whole sectors, and the rest of the last one is zeros. */
function sizeFor({ size }: DiskSource, { to }: ConvertFlags, path: string): number {
  return (to ?? formatForPath(path)?.name) === 'raw' ? size : diskSizeFor(size)
}
