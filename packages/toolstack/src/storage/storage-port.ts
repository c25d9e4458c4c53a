import type { DiskSink, DiskSource, WritableDisk } from '@nixen/disk'

/** Where a disk is. Both are UUIDs: of the SR and of the VDI. */
export interface VdiPlace {
  readonly sr: string
  readonly uuid: string
}

export type VdiFormat = 'vhd' | 'raw' | 'qcow2'

/** What the storage knows of a disk: the fields of its VDI record that follow from its files. */
export interface VdiState {
  readonly uuid: string
  /** `VDI.location`: the UUID, or the file name on an ISO SR. */
  readonly location: string
  /** Bytes; may be rounded up from what was asked for. */
  readonly virtualSize: number
  readonly physicalUtilisation: number
  /** `vhd-parent` (UUID of the image below), `image-format`. Other keys of the record are kept. */
  readonly smConfig: Readonly<Record<string, string>>
  /** `false` for the "base copy" images that disks share. */
  readonly managed: boolean
  readonly readOnly: boolean
  readonly cbtEnabled: boolean
}

/** `SR.physical_size`, `physical_utilisation` and `virtual_allocation`, in bytes. */
export interface SrState {
  readonly physicalSize: number
  readonly physicalUtilisation: number
  readonly virtualAllocation: number
}

/** What is needed to use an SR. */
export interface SrConfig {
  readonly uuid: string
  /** `SR.type`. */
  readonly type: string
  readonly deviceConfig: Readonly<Record<string, string>>
  readonly smConfig?: Readonly<Record<string, string>> | undefined
}

/** Limits of a long operation. */
export interface LongOptions {
  readonly signal?: AbortSignal | undefined
  /** Called with how much is done, 0 to 1. */
  readonly progress?: ((done: number) => void) | undefined
}

/** A disk in use. Disposing gives it back; the last writer's dispose closes its files. */
export interface OpenVdi extends DiskSource {
  /** Only when it was opened to be written. */
  readonly writable: WritableDisk | undefined
}

/**
 * What the classes ask of the disks behind the records. Calls end when what they did is durable, and throw the error that a host gives
 * (`SR_BACKEND_FAILURE_…`) when it can't be done.
 *
 * Records: a class inserts and removes the record of the disk that it asks for (after `create`, `snapshot`, `clone` and `copy`, and after
 * `destroy`), filled from the {@link VdiState} that comes back. All that happens to other disks on the way (`vhd-parent` of the leaf, "base
 * copy" records that come and go, sizes of the SR) the storage writes to the database by itself.
 */
export interface StoragePort {
  /** Prepares an empty SR (`SR.create`); `SR_BACKEND_FAILURE_48` for an unknown type. */
  createSr(sr: SrConfig): Promise<void>
  /** Makes an SR usable (`PBD.plug`); may be called again. Finishes what a crash left undone. */
  attachSr(sr: SrConfig): Promise<SrState>
  /** Closes an SR (`PBD.unplug`). */
  detachSr(uuid: string): Promise<void>
  /** Removes an SR with all it holds (`SR.destroy`). */
  destroySr(sr: SrConfig): Promise<void>
  /** What the SR holds now. Disks that the generated inventory names but nobody has touched are not among them. */
  scan(sr: string): Promise<{ readonly sr: SrState; readonly vdis: readonly VdiState[] }>

  /** An empty disk. `format` is `sm_config:image-format` or `type=raw`; the SR's usual one when left out. */
  create(
    place: VdiPlace,
    options: { readonly size: number; readonly format?: VdiFormat | undefined },
  ): Promise<VdiState>
  /** A disk whose content comes from elsewhere: it exists only when `work` has finished the sink (`DiskSink.finish`). */
  make(
    place: VdiPlace,
    options: { readonly size: number; readonly format?: VdiFormat | undefined },
    work: (sink: DiskSink) => Promise<unknown>,
  ): Promise<VdiState>
  /** A frozen copy that shares its data. With CBT on, the log goes with it and a new one starts. `SR_BACKEND_FAILURE_109` beyond 30 images. */
  snapshot(from: VdiPlace, uuid: string): Promise<VdiState>
  /** A writable copy that shares its data. */
  clone(from: VdiPlace, uuid: string): Promise<VdiState>
  /** A full copy of its own, perhaps on another SR. With `base` only what differs from it, into `to` which exists already. */
  copy(
    from: VdiPlace,
    to: VdiPlace,
    options?: LongOptions & { readonly base?: VdiPlace | undefined },
  ): Promise<VdiState>
  /** Grows a disk, also while it is used. `SR_BACKEND_FAILURE_79` when it would shrink or get too large. */
  resize(place: VdiPlace, size: number): Promise<VdiState>
  /** Removes a disk; the data it shares goes when nobody needs it any more. */
  destroy(place: VdiPlace): Promise<void>

  /** Starts or stops the log of changed blocks. */
  setCbt(place: VdiPlace, enabled: boolean): Promise<void>
  /** Base64 of one bit per 64 KiB, the highest bit of a byte first; `SR_BACKEND_FAILURE_460`, `_459`. */
  listChangedBlocks(from: VdiPlace, to: VdiPlace): Promise<string>
  /** Removes the data of a snapshot and keeps its log of changed blocks. */
  dataDestroy(place: VdiPlace): Promise<void>

  /** Opens a disk. Many may read; one may write. */
  open(place: VdiPlace, options?: { readonly write?: boolean | undefined }): Promise<OpenVdi>
}

/** Key of `VDI.sm_config` that marks a disk of a generated inventory: it has no file yet and gets an empty one when it is first used. */
export const unwrittenKey = 'unwritten'
