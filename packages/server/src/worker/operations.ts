import { backupKinds, type BackupOperations } from './operations/backup.ts'
import { exportKinds, type ExportOperations } from './operations/export.ts'
import { fileKinds, type FileOperations } from './operations/files.ts'
import { mirrorKinds, type MirrorOperations } from './operations/mirror.ts'
import type { OperationKind } from './operations/operation.ts'
import { pointKinds, type PointOperations } from './operations/points.ts'
import { proveKinds, type ProveOperations } from './operations/prove.ts'
import { replicateKinds, type ReplicateOperations } from './operations/replicate.ts'
import { repositoryKinds, type RepositoryOperations } from './operations/repository.ts'
import { restoreKinds, type RestoreOperations } from './operations/restore.ts'
import { upkeepKinds, type UpkeepOperations } from './operations/upkeep.ts'

/**
 * Everything that a worker does. A group of operations is a file in `operations/` with its inputs and outputs and the kind of each; it is named
 * here twice, and its code in `child/operations.ts`.
 */
export interface Operations
  extends
    RepositoryOperations,
    PointOperations,
    BackupOperations,
    RestoreOperations,
    UpkeepOperations,
    FileOperations,
    MirrorOperations,
    ProveOperations,
    ExportOperations,
    ReplicateOperations {}

/** How operations of one repository stand to each other and to the limits. */
export const operationKinds = {
  ...repositoryKinds,
  ...pointKinds,
  ...backupKinds,
  ...restoreKinds,
  ...upkeepKinds,
  ...proveKinds,
  ...fileKinds,
  ...mirrorKinds,
  ...exportKinds,
  ...replicateKinds,
} as const satisfies Readonly<Record<OperationName, OperationKind>>

export type OperationName = keyof Operations
export type InputOf<N extends OperationName> = Operations[N]['input']
export type OutputOf<N extends OperationName> = Operations[N]['output']
export type ItemOf<N extends OperationName> = Operations[N]['item']
