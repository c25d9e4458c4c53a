import { copyPoints } from '@nixen/backup'
import { formatBytes } from '@nixen/core'
import { print, withProgress, type CommonFlags } from '../command.ts'
import type { NixenContext } from '../context.ts'
import { counted } from '../output/count.ts'
import type { RepoFlags } from './flags.ts'
import { openAt, openRepository } from './open.ts'
import { matches } from './snapshots.ts'

export interface CopyFlags extends CommonFlags, RepoFlags {
  readonly toPasswordFile?: string
  readonly host?: string
  readonly tag?: readonly string[]
}

/** `nixen repo copy TARGET` */
export async function copy(context: NixenContext, flags: CopyFlags, target: string): Promise<void> {
  await using from = await openRepository(context, flags)
  await using to = await openAt(context, {
    address: target,
    passwordFile: flags.toPasswordFile,
    variable: 'NIXEN_REPO_TARGET_PASSWORD',
  })
  const result = await withProgress(context, flags, (view) =>
    copyPoints(from, to, {
      filter: (point) => matches(point, flags),
      signal: context.signal,
      progress: ({ points, totalPoints, bytes }) =>
        view.update({ done: bytes, phase: `restore point ${Math.min(points + 1, totalPoints)} of ${totalPoints}` }),
    }),
  )
  const { copied, present, blobs, bytes } = result
  const there = present.length > 0 ? `, ${present.length} were there already` : ''
  print(context, flags, {
    json: result,
    text: `Copied ${counted(copied.length, 'restore point')}${there}: ${counted(blobs, 'chunk')} that were missing, ${formatBytes(bytes)}.`,
  })
}
