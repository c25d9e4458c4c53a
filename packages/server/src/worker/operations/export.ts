import type { Operation, OperationKind } from './operation.ts'

/** A disk that is given away. */
export interface ExportDiskInput {
  /** In the restore point. */
  readonly path: string
  /** Of the NBD export. */
  readonly name: string
  /** File on this machine that takes writes, made when it is not there; read-only without. */
  readonly overlay?: string | undefined
}

export interface ExportInput {
  readonly snapshot: string
  readonly disks: readonly ExportDiskInput[]
  readonly listen:
    | { readonly socketPath: string; readonly group?: number | undefined }
    | { readonly host: string; readonly port: number }
  /** PEM; clients must show a certificate of `clientCa`. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly clientCa: string } | undefined
}

/** What is being served. */
export interface ExportServing {
  /** The port it got. */
  readonly port?: number | undefined
  readonly disks: readonly { readonly path: string; readonly name: string; readonly size: number }[]
}

/** Disks of restore points for NBD clients. */
export interface ExportOperations {
  /** Runs until it is cancelled, and then answers. The one item says that it listens. */
  readonly export: Operation<ExportInput, object, ExportServing>
}

export const exportKinds = {
  export: 'held',
} as const satisfies Readonly<Record<keyof ExportOperations, OperationKind>>
