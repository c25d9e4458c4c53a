import { connectionErrors } from '@nixen/api'
import { isXapiError } from '@nixen/xapi'
import type { UndoStep } from '../../action/actions.ts'
import type { XapiContext } from './context.ts'

type Undo = (context: XapiContext, data: UndoStep['data']) => Promise<void>

/** How each kind of step is taken back. Undoing what was never made, or is gone, is no error: a step may be undone twice. */
const steps: Readonly<Record<string, Undo>> = {
  'vm.bootOrder': async ({ xapi }, { vm, params }) => {
    await xapi.call('VM.set_HVM_boot_params', [vm, params], { session: true })
  },
}

/** Takes back what a step made. @throws connection.unsupported for a step of a newer version, what the host refuses with */
export async function undoStep(context: XapiContext, { kind, data }: UndoStep): Promise<void> {
  const undo = steps[kind]
  if (!undo) {
    throw connectionErrors.unsupported({ action: `undo ${kind}`, reason: 'This version does not know the step.' })
  }
  try {
    await undo(context, data)
  } catch (error) {
    if (isXapiError(error, 'HANDLE_INVALID') || isXapiError(error, 'UUID_INVALID')) return
    throw error
  }
}
