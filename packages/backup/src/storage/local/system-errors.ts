import { constants } from 'node:os'
import { isAppError, messageOf, systemCode, type AppError } from '@nixen/core'
import { storageErrors } from '../storage-errors.ts'

const full = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])
const denied = new Set(['EACCES', 'EPERM', 'EROFS'])
/** What a network mount says while its server is away, and a machine that is short of handles for a moment. */
const passing = new Set([
  'EAGAIN',
  'EBUSY',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'EINTR',
  'EMFILE',
  'ENETDOWN',
  'ENETUNREACH',
  'ENFILE',
  'ENOTCONN',
  'EPIPE',
  'ESTALE',
  'ETIMEDOUT',
])

/** Numbers that Node has no name for on Linux, of all things those of network mounts: it says `Unknown system error -116`. */
const nameless = new Map([
  [-constants.errno.ESTALE, 'ESTALE'],
  [-constants.errno.EDQUOT, 'EDQUOT'],
  // No constant of Node: "remote I/O error" and "host is down".
  [-121, 'EREMOTEIO'],
  [-112, 'EHOSTDOWN'],
])

/** The system's code of an error, also of those that Node only has a number for. */
export function codeOf(error: unknown): string | undefined {
  const number = error instanceof Error && 'errno' in error && typeof error.errno === 'number' ? error.errno : 0
  return nameless.get(number) ?? systemCode(error)
}

/** An error of the file system as one of the catalogue; the system's own error stays as the cause. */
export function storageError(error: unknown, where: string): AppError {
  if (isAppError(error)) return error
  const code = codeOf(error)
  const options = { cause: error }
  if (code === 'ENOENT') return storageErrors.not_found({ where }, options)
  if (code === 'EEXIST') return storageErrors.exists({ where }, options)
  if (code !== undefined && full.has(code)) return storageErrors.full({ where }, options)
  if (code !== undefined && denied.has(code)) return storageErrors.denied({ where, reason: code }, options)
  if (code !== undefined && passing.has(code)) return storageErrors.unavailable({ where, reason: code }, options)
  return storageErrors.failed({ where, reason: code ?? messageOf(error) }, options)
}

/** Repeats `work` when a network mount says that a handle is stale (ESTALE): opening the file again gets a fresh one. */
export async function reopening<T>(work: () => Promise<T>, tries = 3): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (codeOf(error) !== 'ESTALE' || attempt >= tries) throw error
    }
  }
}
