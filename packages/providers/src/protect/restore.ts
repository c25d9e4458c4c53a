import type { DiskSource, Extent } from '@nixen/disk'
import type { NetworkId, StorageId, VmId } from '@nixen/api'
import type { ProtectNote } from './freeze.ts'
import type { ProtectJournal } from './undo.ts'
import type { ConfigDisk, ConfigNic, VmConfig } from './vm-config.ts'

/** What somebody wants back. */
export interface RestoreRequest {
  readonly config: VmConfig
  /**
   * `new`: a VM of its own, with new MAC addresses and a new line of backups. `same`: it takes the place of the lost one (same MACs, same
   * line of backups). `into`: the disks of an existing VM, which has to be off.
   */
  readonly identity: { readonly kind: 'new' | 'same' } | { readonly kind: 'into'; readonly vm: VmId }
  /** Name of the new VM; the old one when left out. */
  readonly name?: string | undefined
  /** Keys of the disks to restore; all when left out. */
  readonly disks?: readonly string[] | undefined
  /** Where disks go that `storageOf` does not name; where they were, or else the pool's default storage, when left out. */
  readonly storage?: StorageId | undefined
  /** By key of the disk. */
  readonly storageOf?: Readonly<Record<string, StorageId>> | undefined
  /** By key of the network in the config; `null` leaves the NIC out. Without it: the same network, one of the same name and VLAN, of the same name. */
  readonly networkOf?: Readonly<Record<string, NetworkId | null>> | undefined
  /** Overrides what `identity` says about MAC addresses. */
  readonly macs?: 'keep' | 'new' | undefined
  readonly addTags?: readonly string[] | undefined
  readonly start?: boolean | undefined
  /** Only of `into`: keeps the replaced disks, detached, under a name that says so. */
  readonly keepReplaced?: boolean | undefined
}

/** What will be done with a disk. */
export interface RestoreDiskPlan {
  readonly disk: ConfigDisk
  readonly storage: { readonly id: StorageId; readonly name: string }
  /** `whole`: a new disk is filled; `difference`: a copy of the existing disk gets only what differs, and takes its place when it is complete. */
  readonly mode: 'whole' | 'difference'
  /** The disk whose place it takes; provider's uuid. */
  readonly replaces?: string | undefined
}

/** What a restore would do. Plain JSON, to be shown first. */
export interface RestorePlan {
  readonly request: RestoreRequest
  readonly name: string
  readonly disks: readonly RestoreDiskPlan[]
  readonly nics: readonly {
    readonly nic: ConfigNic
    /** `null`: it is left out. */
    readonly network: { readonly id: NetworkId; readonly name: string } | null
    readonly mac: 'keep' | 'new'
  }[]
  readonly notes: readonly ProtectNote[]
  /** Sentences; a plan with one can not be carried out. */
  readonly problems: readonly string[]
}

export interface RestoreProgress {
  readonly disk: string
  /** Bytes of the disk that were looked at, of its size. */
  readonly doneBytes: number
  readonly totalBytes: number
  /** Bytes that were sent to the host. */
  readonly sentBytes: number
}

/** The content of a disk. */
export interface RestoreSource extends DiskSource {
  /**
   * For a disk that takes the place of another (`difference`): where it may differ from that one, ascending; all else is the same for sure.
   * Without it both are read and compared.
   */
  readonly differs?: readonly Extent[] | undefined
}

export interface RestoreOptions {
  readonly owner: string
  /** Opens the content of a disk. It is disposed of when the disk is done. */
  readonly onDisk: (disk: ConfigDisk) => Promise<RestoreSource>
  readonly journal: ProtectJournal
  readonly progress?: ((progress: RestoreProgress) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

export interface RestoredVm {
  readonly vm: VmId
  readonly name: string
  readonly started: boolean
  readonly disks: readonly {
    readonly key: string
    /** Provider's uuid of the disk that has the content now. */
    readonly uuid: string
    readonly mode: 'whole' | 'difference'
    readonly sentBytes: number
  }[]
  readonly notes: readonly ProtectNote[]
}
