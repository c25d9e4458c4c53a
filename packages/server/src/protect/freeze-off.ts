import { connectionOfId, type VmId } from '@nixen/api'
import { isAppError } from '@nixen/core'
import type { ActionTask, FreezeOptions, FrozenVm, ProtectActions } from '@nixen/providers'

/**
 * Freezes a VM while it is off. One that runs is shut down for it, and started again at once when it is frozen; so it is too when this is
 * interrupted, by the step that is written down first.
 */
export async function frozenWhileOff(
  protect: ProtectActions,
  id: VmId,
  options: FreezeOptions,
  task: ActionTask,
): Promise<FrozenVm> {
  try {
    return await protect.freeze(id, options)
  } catch (error) {
    if (!isAppError(error, 'vm.bad_power_state')) throw error
  }
  const { vm: actions } = task.session(connectionOfId(id)).actions
  const again = await task.undo({
    kind: 'vm.start',
    what: 'Start the VM that was shut down for its backup',
    data: { vm: id },
  })
  task.progress(undefined, 'Shutting the VM down')
  await actions.shutdown({ id }, task)
  try {
    return await protect.freeze(id, options)
  } finally {
    await actions.start({ id, paused: false }, task)
    await again.forget()
  }
}
