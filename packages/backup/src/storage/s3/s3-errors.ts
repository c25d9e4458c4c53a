import { isRecord, messageOf, systemCode, type AppError } from '@nixen/core'
import { storageErrors } from '../storage-errors.ts'

const full = new Set(['QuotaExceeded', 'XMinioStorageFull', 'InsufficientCapacity', 'EntityTooLarge'])
const denied = new Set([
  'AccessDenied',
  'AccountProblem',
  'CredentialsProviderError',
  'ExpiredToken',
  'InvalidAccessKeyId',
  'InvalidToken',
  'MethodNotAllowed',
  'RequestTimeTooSkewed',
  'SignatureDoesNotMatch',
])
const passing = new Set([
  'InternalError',
  'OperationAborted',
  'RequestTimeout',
  'ServiceUnavailable',
  'SlowDown',
  'Throttling',
  'TimeoutError',
])
const network = new Set([
  'EAI_AGAIN',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'ERR_STREAM_PREMATURE_CLOSE',
  'ETIMEDOUT',
])
const passingStatuses = new Set([408, 409, 425, 429, 500, 502, 503, 504])

/** An error of the S3 client as one of the catalogue, by its S3 code, its HTTP status or the socket's code. */
export function s3Error(error: unknown, where: string): AppError {
  const options = { cause: error }
  const name = error instanceof Error ? error.name : ''
  const status = statusOf(error)
  const socket = systemCode(error)
  const reason =
    [name === 'Error' ? undefined : name, status, socket].filter((part) => part !== undefined).join(', ') ||
    messageOf(error)
  if (name === 'NoSuchBucket') return storageErrors.failed({ where, reason: 'there is no such bucket' }, options)
  if (status === 412 || name === 'PreconditionFailed') return storageErrors.exists({ where }, options)
  if (full.has(name) || status === 507) return storageErrors.full({ where }, options)
  if (status === 404) return storageErrors.not_found({ where }, options)
  if (denied.has(name) || status === 401 || status === 403) return storageErrors.denied({ where, reason }, options)
  if (passing.has(name) || (status !== undefined && passingStatuses.has(status)) || isNetwork(error)) {
    return storageErrors.unavailable({ where, reason }, options)
  }
  return storageErrors.failed({ where, reason }, options)
}

/** HTTP status of the answer that the client made an error of. */
export function statusOf(error: unknown): number | undefined {
  if (!isRecord(error) || !isRecord(error['$metadata'])) return undefined
  const status = error['$metadata']['httpStatusCode']
  return typeof status === 'number' ? status : undefined
}

function isNetwork(error: unknown): boolean {
  const code = systemCode(error)
  if (code !== undefined && network.has(code)) return true
  // An answer that was cut in the middle can't be parsed; the client says so in its own words.
  return (
    error instanceof Error &&
    (error.message === 'aborted' || /socket hang up|deserialization error/i.test(error.message))
  )
}
