import { assertNever, silentLog, systemClock, type Clock, type Log } from '@nixen/core'
import { LimitedStorage } from './decorators/limited.ts'
import type { Rate } from './decorators/rate.ts'
import { RetryingStorage } from './decorators/retrying.ts'
import { ThrottledStorage } from './decorators/throttled.ts'
import { LocalStorage } from './local/local-storage.ts'
import type { S3Credentials } from './s3/s3-options.ts'
import type { Storage } from './storage.ts'
import { parseStorageAddress, type StorageAddress } from './storage-url.ts'

export interface OpenStorageOptions {
  /** For S3; left out: environment, profile, instance role, in the order of the AWS tools. */
  readonly credentials?: S3Credentials | undefined
  /** Bytes per second written at the most; a rate can be set anew while the storage is open. */
  readonly upload?: number | Rate | undefined
  /** Bytes per second read at the most. */
  readonly download?: number | Rate | undefined
  /** Tries of a call whose failure may pass; 10 when left out: about a minute. */
  readonly attempts?: number
  readonly clock?: Clock
  readonly log?: Log
  readonly signal?: AbortSignal | undefined
}

/**
 * Opens the storage of a repository at `DIR`, `file:///DIR` or `s3://bucket/prefix?endpoint=…`, with as many calls at once as it likes, repeated
 * where that is safe. Nothing is created or written.
 *
 * Errors: `storage.bad_url`, `storage.denied`, `storage.unavailable`, `storage.failed`.
 */
export async function openStorage(url: string, options: OpenStorageOptions = {}): Promise<Storage> {
  const { upload, download, attempts = 10, clock = systemClock, log = silentLog } = options
  const store = await openAddress(parseStorageAddress(url), options)
  const throttled =
    upload === undefined && download === undefined ? store : new ThrottledStorage(store, { upload, download, clock })
  const retrying = new RetryingStorage(throttled, {
    attempts,
    clock,
    onRetry: (error, attempt, pause) => log.warn('The storage failed; trying again.', { error, attempt, pause }),
  })
  return new LimitedStorage(retrying, store.properties.connections)
}

async function openAddress(
  address: StorageAddress,
  { credentials, clock, log, signal }: OpenStorageOptions,
): Promise<Storage> {
  switch (address.kind) {
    case 'local':
      return new LocalStorage(address.directory, { ...(clock && { clock }), ...(log && { log }) })
    case 's3': {
      // The S3 client is large; who backs up to a directory does not wait for it.
      const { S3Storage } = await import('./s3/s3-storage.ts')
      const storage = new S3Storage({ ...address.options, credentials, ...(clock && { now: () => clock.now() }) })
      try {
        await storage.connect({ signal })
        return storage
      } catch (error) {
        await storage[Symbol.asyncDispose]()
        throw error
      }
    }
    default:
      return assertNever(address)
  }
}
