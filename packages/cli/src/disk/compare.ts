import { assertNever, formatBytes } from '@nixen/core'
import { compareDisks, openDisk, type Comparison } from '@nixen/disk'
import { print, withProgress, type CommonFlags } from '../command.ts'
import type { NixenContext } from '../context.ts'
import { exitCodes } from '../failure.ts'
import { openOptions, type OpenFlags } from './flags.ts'

export interface CompareFlags extends CommonFlags, OpenFlags {
  readonly strict: boolean
}

/** `nixen disk compare A B`. Exit code 3 when they differ. */
export async function compareCommand(
  context: NixenContext,
  flags: CompareFlags,
  pathA: string,
  pathB: string,
): Promise<void> {
  const options = openOptions(flags, context.signal)
  await using a = await openDisk(pathA, options)
  await using b = await openDisk(pathB, options)
  const result = await withProgress(context, flags, (view) =>
    compareDisks(a, b, {
      signal: context.signal,
      progress: ({ bytes, total }) => view.update({ done: bytes, total, phase: 'comparing' }),
    }),
  )
  print(context, flags, { json: result, text: sentence(result, pathA, pathB) })
  const same = result.kind === 'identical' || (result.kind === 'size' && !flags.strict)
  if (!same) context.process.exitCode = exitCodes.different
}

function sentence(result: Comparison, a: string, b: string): string {
  switch (result.kind) {
    case 'identical':
      return 'The disks are identical.'
    case 'size':
      return `The disks hold the same data, but their sizes differ: ${a} has ${formatBytes(result.a)} (${result.a} bytes), ${b} has ${formatBytes(result.b)} (${result.b} bytes); the rest of the larger one is zeros.`
    case 'different':
      return `The disks differ at byte ${result.offset} (${formatBytes(result.offset)}): ${hex(result.a)} in ${a}, ${hex(result.b)} in ${b}.`
    default:
      return assertNever(result, 'comparison')
  }
}

const hex = (byte: number): string => `0x${byte.toString(16).padStart(2, '0')}`
