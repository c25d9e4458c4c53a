import type { Repository } from '@nixen/backup'
import type { ConnectionSpec, ProtectJournal, ProviderSession } from '@nixen/providers'
import type { RepositoryAccess } from '../descriptors.ts'
import type { InputOf, ItemOf, OperationName, OutputOf } from '../operations.ts'
import type { OpenRepository } from './open-repository.ts'
import type { Told } from './progress.ts'
import type { WorkRates } from './work-rates.ts'

/** What an operation has of its process. */
export interface OperationContext<N extends OperationName> {
  readonly access: RepositoryAccess
  readonly repositories: OpenRepository
  /** What may be moved a second; the repository keeps to it by itself. */
  readonly rates: WorkRates
  /** Opened, without its index. */
  readonly open: () => Promise<Repository>
  /** Opened, with its index as it is now. */
  readonly openWithIndex: () => Promise<Repository>
  /** A session on a pool, one for each until the operation ends. */
  readonly session: (spec: ConnectionSpec) => Promise<ProviderSession>
  /** The caller's journal of steps to undo. */
  readonly journal: ProtectJournal
  readonly signal: AbortSignal
  readonly progress: (told: Told) => void
  /** Sends pieces; resolves when there is room for more. */
  readonly send: (items: readonly ItemOf<N>[]) => Promise<void>
}

/** One operation. */
export type OperationCode<N extends OperationName> = (
  input: InputOf<N>,
  context: OperationContext<N>,
) => Promise<OutputOf<N>>
