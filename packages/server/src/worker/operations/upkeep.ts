import type { CheckResult, ReadData } from '@nixen/backup'
import type { Operation, OperationKind } from './operation.ts'

/** A prune in numbers. Sizes in bytes. */
export interface PruneOutput {
  readonly removedPacks: number
  readonly repackedPacks: number
  readonly keptPacks: number
  readonly freedBytes: number
  readonly unusedBytes: number
  readonly executed: boolean
}

/** What keeps a repository in order. */
export interface UpkeepOperations {
  readonly check: Operation<
    {
      readonly read?: ReadData | undefined
      readonly headers?: boolean | undefined
      readonly threads?: number | undefined
    },
    CheckResult
  >
  readonly prune: Operation<
    {
      readonly execute: boolean
      readonly maxUnused?: number | undefined
      readonly maxRepack?: number | undefined
      readonly lockWait?: number | undefined
    },
    PruneOutput
  >
}

export const upkeepKinds = {
  check: 'heavy',
  prune: 'exclusive',
} as const satisfies Readonly<Record<keyof UpkeepOperations, OperationKind>>
