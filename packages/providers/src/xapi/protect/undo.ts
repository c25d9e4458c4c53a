import { connectionErrors } from '@nixen/api'
import type { ProtectStep } from '../../protect/undo.ts'
import type { ProtectContext, Stoppable } from './context.ts'
import { removeFrozen, type SnapshotMark } from './snapshot.ts'

/** Takes back a step of backup or restore. */
export async function undoProtect(context: ProtectContext, step: ProtectStep, options: Stoppable = {}): Promise<void> {
  // The data of a step is what this provider has written down for it.
  const data = step.data as unknown
  switch (step.kind) {
    case 'protect.snapshot':
      return await removeFrozen(context, data as SnapshotMark, options)
    default:
      throw connectionErrors.unsupported({
        action: `undo ${step.kind}`,
        reason: 'This version does not know the step.',
      })
  }
}
