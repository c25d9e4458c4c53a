import type { Ref } from '@nixen/xapi'
import type { ActionTask, UndoEntry } from '../../action/actions.ts'
import type { XapiContext } from './context.ts'

/**
 * Disks whose changes are tracked do not move (`VDI_CBT_ENABLED`): the next backup reads them in full, and says why. When the move fails they are
 * tracked again from then on. Forget the step when it is through.
 */
export async function stopTracking(
  { xapi }: XapiContext,
  disks: readonly Ref<'VDI'>[],
  task: ActionTask,
): Promise<Pick<UndoEntry, 'forget'>> {
  const { VDI } = xapi.client
  const tracked: Ref<'VDI'>[] = []
  for (const vdi of disks) if (await VDI.get_cbt_enabled(vdi)) tracked.push(vdi)
  if (tracked.length === 0) return { forget: () => Promise.resolve() }
  const data = { vdis: tracked }
  const undo = await task.undo({ kind: 'vdi.trackChanges', what: 'Track the changes of disks again', data })
  task.log('Changes of disks are no longer tracked, because they move; their next backup reads all of them.')
  for (const vdi of tracked) await VDI.disable_cbt(vdi)
  return undo
}
