// What travels to a worker process: plain data, by structured clone over IPC, never on a command line.
import type { S3Credentials } from '@nixen/backup'
import type { ChangeToken, Extent, NbdAddress, NbdClientTls } from '@nixen/disk'
import type { ConnectionSpec, FrozenVm, OpenDiskOptions } from '@nixen/providers'

/** How to open a repository. Holds secrets. */
export interface RepositoryAccess {
  /** `DIR`, `file:///DIR` or `s3://bucket/prefix?endpoint=…`. */
  readonly location: string
  readonly password: string
  /** For S3; left out: environment, profile, instance role, in the order of the AWS tools. */
  readonly credentials?: S3Credentials | undefined
  /** Where the index is cached: a file that only repeats what the repository says, sealed with its key. */
  readonly cacheFile?: string | undefined
}

/** A storage that need not hold a repository yet. */
export type StorageAccess = Pick<RepositoryAccess, 'location' | 'credentials'>

/** How to trust a TLS server: by its own certificate, or by authorities. */
export interface TlsTrust {
  /** PEM of the authorities to trust; Node's own list when left out. */
  readonly ca?: string | undefined
  /** The server's own certificate: PEM, or the hexadecimal SHA-256 of its DER form, with or without colons. Stands in for the chain. */
  readonly pin?: string | undefined
}

/** An export of an NBD server: read as a source, written as a sink. */
export interface NbdEndpoint {
  readonly kind: 'nbd'
  readonly address: NbdAddress
  readonly exportName?: string | undefined
  readonly tls?: NbdClientTls | undefined
  /** Connections to spread requests over; 4 when left out. */
  readonly connections?: number | undefined
  /**
   * Bytes of the disk, where the export may be larger (a host that rounds up); the export's own size when left out.
   * An export that is smaller is an error.
   */
  readonly size?: number | undefined
}

/** A stream of a disk that a server sends once: XAPI's `export_raw_vdi`. */
export interface HttpExport {
  readonly kind: 'http-export'
  readonly url: string
  /** Cookie or authorization: secret. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly tls?: TlsTrust | undefined
  readonly format: 'raw' | 'vhd'
  /** Bytes of the disk; a stream does not always tell. */
  readonly size: number
  /** The stream holds only what changed since the parent (`export_raw_vdi?base=`): its ranges become the list of changes. */
  readonly delta?: boolean | undefined
}

/** An image file of this machine. */
export interface ImageFile {
  readonly kind: 'image'
  readonly path: string
  /** Found out from the bytes of the file when left out. */
  readonly format?: string | undefined
}

/** A disk of a frozen VM, read by its provider: the worker opens a session of its own on the pool. Holds secrets. */
export interface FrozenDiskSource {
  readonly kind: 'frozen'
  readonly connection: ConnectionSpec
  readonly frozen: FrozenVm
  /** Key of the disk. */
  readonly disk: string
  /** Token of the disk in the restore point that `changed.parent` names. */
  readonly since?: ChangeToken | undefined
  readonly connections?: number | undefined
  readonly without?: OpenDiskOptions['without']
  readonly insecureNbd?: boolean | undefined
}

/** Where the bytes of a disk come from. */
export type DiskSourceSpec = NbdEndpoint | HttpExport | ImageFile | FrozenDiskSource

/** A disk that is sent to a server as one stream: XAPI's `import_raw_vdi`. */
export interface HttpImport {
  readonly kind: 'http-import'
  readonly url: string
  /** `PUT` when left out. */
  readonly method?: 'PUT' | 'POST' | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly tls?: TlsTrust | undefined
  readonly format: 'raw' | 'vhd'
}

/** A new image file of this machine; it gets its name when it is whole. */
export interface NewImageFile {
  readonly kind: 'new-image'
  readonly path: string
  readonly format: string
}

/** Where the bytes of a disk go. An NBD export must read as zeros, unless only differences are written. */
export type DiskSinkSpec = NbdEndpoint | HttpImport | NewImageFile

/** What may have changed on a disk since a restore point. */
export interface ChangedSince {
  /** Restic's id of the restore point. */
  readonly parent: string
  /** The disk's file there; the same as now when left out. */
  readonly file?: string | undefined
  /** Ranges that may differ, ascending; left out for a `frozen` disk and an `http-export` with `delta`, which tell them themselves. */
  readonly extents?: readonly Extent[] | undefined
}
