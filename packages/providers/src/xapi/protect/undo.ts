import { connectionErrors } from '@nixen/api'
import type { ProtectStep } from '../../protect/undo.ts'
import type { ReplicaPlace } from '../../replica/replica-actions.ts'
import type { CheckPlace } from '../../verify/verify-actions.ts'
import { undoPoint, undoReplica } from '../replica/settle.ts'
import { removeCheckPlace } from '../verify/place.ts'
import type { ProtectContext, Stoppable } from './context.ts'
import { undoClone, undoDisk, undoSwap, undoVm, type CloneMark, type NewObject, type SwapMark } from './restore-undo.ts'
import { removeFrozen, type SnapshotMark } from './snapshot.ts'

/** Takes back a step of backup or restore. */
export async function undoProtect(context: ProtectContext, step: ProtectStep, options: Stoppable = {}): Promise<void> {
  // The data of a step is what this provider has written down for it.
  const data = step.data as unknown
  switch (step.kind) {
    case 'protect.snapshot':
      return await removeFrozen(context, data as SnapshotMark, options)
    case 'protect.vm':
      return await undoVm(context, data as NewObject, options)
    case 'protect.disk':
      return await undoDisk(context, data as NewObject, options)
    case 'protect.clone':
      return await undoClone(context, data as CloneMark, options)
    case 'verify.place':
      return await removeCheckPlace(context, data as CheckPlace, options)
    case 'replica.vm':
      return await undoReplica(context, data as ReplicaPlace, options)
    case 'replica.point':
      return await undoPoint(context, data as { readonly name: string }, options)
    case 'protect.swap':
      return await undoSwap(context, data as SwapMark, options)
    default:
      throw connectionErrors.unsupported({
        action: `undo ${step.kind}`,
        reason: 'This version does not know the step.',
      })
  }
}
