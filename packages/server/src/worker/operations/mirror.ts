import type { ForgetPolicy } from '@nixen/backup'
import type { RepositoryAccess } from '../descriptors.ts'
import type { PointRecord } from '../point-record.ts'
import type { Operation, OperationKind } from './operation.ts'

/** Runs in the worker of the target: the one process that knows the secrets of two repositories. */
export interface MirrorInput {
  readonly from: RepositoryAccess
  /** Restore points of the source that are meant, by restic's ids. */
  readonly snapshots: readonly string[]
  /** Names the mirror (a job and its schedule) in the copies: what it keeps is counted among its own. */
  readonly job: string
  readonly keep?: { readonly policy: ForgetPolicy; readonly timeZone?: string | undefined } | undefined
  /** Milliseconds. */
  readonly lockWait?: number | undefined
}

export interface MirrorOutput {
  /** New in the target. */
  readonly added: readonly PointRecord[]
  /** Ids that are gone from the target. */
  readonly removed: readonly string[]
  readonly present: number
  /** Restore points that the rules would forget at once. */
  readonly passed: number
  /** Plain bytes that the target lacked. */
  readonly bytes: number
}

/** What keeps one repository like another. */
export interface MirrorOperations {
  readonly mirror: Operation<MirrorInput, MirrorOutput>
}

export const mirrorKinds = {
  mirror: 'heavy',
} as const satisfies Readonly<Record<keyof MirrorOperations, OperationKind>>
