import { protectErrors, vmErrors } from '@nixen/api'
import { messageOf } from '@nixen/core'
import { isXapiError } from '@nixen/xapi'

/** Whether the storage has no room (`SR_BACKEND_FAILURE_44`, `VDI_COPY_FAILED` for want of it, …). */
export function isFull(error: unknown): boolean {
  if (!isXapiError(error)) return false
  const words = error.params.join(' ')
  return (
    error.code === 'SR_BACKEND_FAILURE_44' ||
    error.code === 'SR_FULL' ||
    /insufficient space|no space left/i.test(words)
  )
}

/** What a host's refusal to take a snapshot means. */
export function snapshotFailure(error: unknown, { id, name }: { id: string; name: string }): unknown {
  if (!isXapiError(error)) return error
  const options = { cause: error }
  switch (error.code) {
    case 'SR_BACKEND_FAILURE_109':
      return protectErrors.chain_too_long({ vm: name }, options)
    case 'VM_BAD_POWER_STATE': {
      const [, expected = '', actual = ''] = error.params
      return vmErrors.bad_power_state({ id, expected: expected.split(/[,;] */), actual }, options)
    }
    case 'OTHER_OPERATION_IN_PROGRESS':
      return vmErrors.busy({ id, action: error.params[2] ?? 'another operation' }, options)
    case 'OPERATION_BLOCKED':
      return vmErrors.blocked({ id, action: 'snapshot', reason: error.params[1] ?? 'no reason is given' }, options)
    case 'HANDLE_INVALID':
    case 'UUID_INVALID':
      return error.params[0] === 'VM' ? vmErrors.not_found({ id }, options) : snapshotRefused(error, name)
    default:
      if (isFull(error))
        return protectErrors.storage_full({ storage: 'of the VM', what: `no snapshot of ${name} fits` }, options)
      return snapshotRefused(error, name)
  }
}

function snapshotRefused(error: Error, vm: string): Error {
  return protectErrors.snapshot_failed({ vm, reason: `${messageOf(error)}.` }, { cause: error })
}
