import { isAppError, messageOf, systemCode } from '@nixen/core'
import { isXapiError } from '@nixen/xapi'
import { smError, type SmErrorName } from './sm-errors.ts'

/** The error that a host gives for a failure of files or images; `otherwise` when nothing closer fits. */
export function storageFailure(error: unknown, otherwise: SmErrorName = 'EIO'): Error {
  if (isXapiError(error)) return error
  if (error instanceof Error && error.name === 'AbortError') return error
  const options = { cause: error }
  const code = isAppError(error, 'disk.io') ? error.details['code'] : systemCode(error)
  if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG') return smError('SRNoSpace', undefined, options)
  if (code === 'ENOENT' || isAppError(error, 'disk.not_found'))
    return smError('VDIUnavailable', messageOf(error), options)
  if (isAppError(error, 'disk.corrupt') || isAppError(error, 'disk.truncated')) {
    return smError('VDILoad', messageOf(error), options)
  }
  return smError(otherwise, messageOf(error), options)
}

/** Does `work`; what goes wrong becomes an error of a storage manager. */
export async function asStorage<T>(work: () => Promise<T>, otherwise?: SmErrorName): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw storageFailure(error, otherwise)
  }
}
