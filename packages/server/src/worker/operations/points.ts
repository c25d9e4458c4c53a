import type { PointRecord } from '../point-record.ts'
import type { ForgetPolicy, GroupField } from '@nixen/backup'
import type { Operation, OperationKind } from './operation.ts'
import type { RepositoryFacts } from './repository.ts'

/** What is listed of a restore point's content. */
export interface PointContent {
  readonly point: PointRecord
  readonly files: readonly { readonly path: string; readonly size: number }[]
  /** `/vm.json`; absent when it is not there (a point that restic made of something else). */
  readonly vm?: unknown
}

export interface PointsOutput {
  readonly facts: RepositoryFacts
  /** Ids of all restore points that are there. */
  readonly present: readonly string[]
  /** Those that cannot be read. */
  readonly damaged: readonly string[]
}

/** Which restore points go: by rules, or by name. */
export type ForgetWhat =
  | {
      readonly by: 'policy'
      readonly policy: ForgetPolicy
      readonly groupBy?: readonly GroupField[] | undefined
      readonly timeZone?: string | undefined
      /** Only points of these paths, or with all of these tags (as restic has them: `nixen:job=…`). */
      readonly paths?: readonly string[] | undefined
      readonly tags?: readonly string[] | undefined
      /** Only these count for what the policy keeps: points that were found good. Those that are newer than them stay as well. */
      readonly verified?: readonly string[] | undefined
    }
  | { readonly by: 'name'; readonly snapshots: readonly string[] }

export interface ForgetLine {
  readonly point: PointRecord
  readonly because: readonly string[]
}

export interface ForgetOutput {
  readonly keep: readonly ForgetLine[]
  readonly forget: readonly ForgetLine[]
  /** How many were removed; 0 for a preview. */
  readonly forgotten: number
}

/** Lists of restore points, and what is in them. */
export interface PointOperations {
  /** Restore points that are not among `known`, in pieces. */
  readonly points: Operation<{ readonly known?: readonly string[] | undefined }, PointsOutput, PointRecord>
  readonly content: Operation<{ readonly snapshot: string }, PointContent>
  readonly forget: Operation<
    { readonly what: ForgetWhat; readonly execute: boolean; readonly lockWait?: number | undefined },
    ForgetOutput
  >
}

export const pointKinds = {
  points: 'light',
  content: 'light',
  forget: 'light',
} as const satisfies Readonly<Record<keyof PointOperations, OperationKind>>
