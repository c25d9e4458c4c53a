import type { DiskId, NetworkId, ResourceId, SnapshotId, StorageId, VmId } from '@nixen/api'
import type { ByteStream } from '@nixen/core'
import type { DiskSource, DiskStream } from '@nixen/disk'
import type { ActionResult, ActionTask } from '../action/actions.ts'

/** A disk of a VM that is exported. */
export interface VmDiskDescription {
  readonly id: DiskId
  readonly name: string
  /** Virtual size in bytes. */
  readonly size: number
}

/** What another product has to know of a VM. */
export interface VmDescription {
  readonly name: string
  readonly description: string
  readonly cpus: number
  /** Bytes. */
  readonly memory: number
  readonly firmware: 'bios' | 'uefi'
  /** In the order of their positions. */
  readonly disks: readonly VmDiskDescription[]
  readonly nics: readonly { readonly network: string; readonly mac: string }[]
}

/** A VM that is made of an image. */
export interface NewVmImage {
  readonly name: string
  readonly description: string
  readonly cpus: number | undefined
  /** Bytes. */
  readonly memory: number | undefined
  readonly firmware: 'bios' | 'uefi'
  readonly storage: StorageId
  /** Network of all NICs; by the names in `nics`, otherwise that of the hosts, when left out. */
  readonly network: NetworkId | undefined
  readonly nics: readonly { readonly network: string | undefined }[]
  /** The disks, each once, in the order of the image; `place` is its place among those of the VM. */
  readonly disks: AsyncIterable<{ readonly name: string; readonly place: number; readonly disk: DiskStream }>
  /** Disks without content, of a size in bytes. */
  readonly empty: readonly { readonly name: string; readonly place: number; readonly size: number }[]
}

/** A VM that is in a file of the product. */
export interface NewVmFile {
  readonly storage: StorageId
  readonly body: ByteStream
  /** Bytes of the body, where that is known. */
  readonly length?: number | undefined
  /** Another name for it. */
  readonly name?: string | undefined
  /** Whether the whole file was right; what it throws takes the VM away again. */
  readonly check: () => Promise<void>
}

/** A disk that is made of an image. */
export interface NewDiskImage {
  readonly storage: StorageId
  readonly name: string
  readonly description: string
  readonly disk: DiskStream
}

export type ExportCompression = 'none' | 'gzip' | 'zstd'

/**
 * Imports and exports. Data goes through as it comes, with back-pressure and constant memory. What is made is written down in the task before, so that a
 * failure leaves nothing; cancelling the task ends the transfer at the host too. What the host refuses with is an error of the contract.
 */
export interface TransferActions {
  /** The VM in the format of the product (XVA). What came is whole only when the iteration ends without an error. */
  exportVm(
    request: { readonly id: VmId | SnapshotId; readonly compression: ExportCompression },
    task: ActionTask,
  ): AsyncIterable<Uint8Array>
  /** Imports a VM in the format of the product, which the host checks. */
  importVm(request: NewVmFile, task: ActionTask): Promise<ActionResult>
  /** What is in an OVF of the VM. */
  describeVm(id: VmId | SnapshotId): Promise<VmDescription>
  /** Whether {@link exportDisk} gives the format without converting. */
  readonly diskFormats: readonly string[]
  /** The content of a disk in one of {@link diskFormats}, as the host makes it, with its length where that is known. */
  exportDisk(
    request: { readonly id: DiskId; readonly format: string },
    task: ActionTask,
  ): Promise<{ readonly bytes: AsyncIterable<Uint8Array>; readonly length?: number | undefined; readonly size: number }>
  /** A disk to be read from front to back. */
  readDisk(id: DiskId, task: ActionTask): Promise<DiskSource>
  /** Makes a disk; where the storage is for installation images, an image. */
  importDisk(request: NewDiskImage, task: ActionTask): Promise<ResourceId<'disk'>>
  /** Writes over a disk that nothing uses. The stream must ascend; what it leaves out becomes zeros. */
  overwriteDisk(request: { readonly id: DiskId; readonly disk: DiskStream }, task: ActionTask): Promise<void>
  /** Makes a VM with its disks. */
  makeVm(request: NewVmImage, task: ActionTask): Promise<ResourceId<'vm'>>
}
