import type { DiskSink } from '@nixen/disk'
import type { CbtContent } from './cbt/cbt-log.ts'
import type { OpenVdi, SrState, VdiFormat, VdiState } from './storage-port.ts'

/** One SR that is attached. UUIDs are of VDIs. Errors are those of a storage manager. */
export interface SrDriver extends AsyncDisposable {
  state(): Promise<SrState>
  scan(): Promise<VdiState[]>
  /** Whether the SR has this disk, or its log of changed blocks alone. */
  has(uuid: string): boolean
  create(uuid: string, options: { readonly size: number; readonly format?: VdiFormat | undefined }): Promise<VdiState>
  /** A disk that has its name only when `work` has finished the sink. */
  make(
    uuid: string,
    options: { readonly size: number; readonly format?: VdiFormat | undefined },
    work: (sink: DiskSink) => Promise<unknown>,
  ): Promise<VdiState>
  snapshot(from: string, uuid: string): Promise<VdiState>
  clone(from: string, uuid: string): Promise<VdiState>
  resize(uuid: string, size: number): Promise<VdiState>
  destroy(uuid: string): Promise<void>
  setCbt(uuid: string, enabled: boolean): Promise<void>
  cbtLog(uuid: string): Promise<CbtContent | undefined>
  dataDestroy(uuid: string): Promise<void>
  open(uuid: string, options: { readonly write: boolean }): Promise<OpenVdi>
}

/** What changed on an SR beside what a call was about. */
export interface SrChange {
  readonly changed: readonly VdiState[]
  readonly removed: readonly string[]
  readonly sr: SrState
}
