import type { KeyInfo, LockInfo, RepositoryStats } from '@nixen/backup'
import type { Operation, OperationKind } from './operation.ts'

/** What a repository is. */
export interface RepositoryFacts {
  /** The repository's own id: 64 hexadecimal digits. */
  readonly id: string
  readonly version: 1 | 2
  /** The path or bucket, for people. */
  readonly location: string
  /** The key that opened it. */
  readonly key: string
}

/** What a storage did when it was tried. */
export interface StorageProbe {
  /** For people, without credentials. */
  readonly location: string
  /** Whether a repository is there. */
  readonly repository: boolean
  /** Whether the password opens it; absent without one, or without a repository. */
  readonly opens?:
    | { readonly ok: true; readonly facts: RepositoryFacts }
    | { readonly ok: false; readonly keys: number }
  readonly write: 'allowed' | 'refused'
  /** Whether a file can be written over; anything but `refused` needs care with several writers. */
  readonly overwrite?: 'refused' | 'allowed' | undefined
  /** `refused`: the store only takes new files (append-only, or object lock). Locks of restic and prune do not work there. */
  readonly remove?: 'allowed' | 'refused' | undefined
  /** Why something was refused. */
  readonly reason?: string | undefined
}

/** Speed of a storage. Rates in bytes per second, times in milliseconds. */
export interface Benchmark {
  readonly writeRate: number
  readonly readRate: number
  /** Middle of the times of small files. */
  readonly smallWrite: number
  readonly smallRead: number
  readonly list: number
  /** Bytes of one large file, and how many went at once. */
  readonly fileSize: number
  readonly connections: number
}

/** What is done to a repository as a whole. */
export interface RepositoryOperations {
  readonly create: Operation<object, RepositoryFacts>
  readonly inspect: Operation<object, RepositoryFacts>
  readonly probe: Operation<{ readonly password?: string | undefined }, StorageProbe>
  readonly benchmark: Operation<
    { readonly fileSize?: number | undefined; readonly files?: number | undefined },
    Benchmark
  >
  readonly stats: Operation<object, RepositoryStats>
  readonly locks: Operation<object, { readonly locks: readonly LockInfo[] }>
  readonly unlock: Operation<{ readonly all?: boolean | undefined }, { readonly removed: readonly LockInfo[] }>
  readonly keys: Operation<object, { readonly keys: readonly KeyInfo[]; readonly current: string }>
  readonly addKey: Operation<{ readonly password: string }, { readonly key: string }>
  readonly removeKey: Operation<{ readonly key: string }, object>
  readonly changePassword: Operation<{ readonly password: string }, { readonly key: string }>
}

export const repositoryKinds = {
  create: 'light',
  inspect: 'light',
  probe: 'light',
  benchmark: 'heavy',
  stats: 'heavy',
  locks: 'light',
  unlock: 'light',
  keys: 'light',
  addKey: 'light',
  removeKey: 'light',
  changePassword: 'light',
} as const satisfies Readonly<Record<keyof RepositoryOperations, OperationKind>>
