import type { NetworkId, StorageId, VmId } from '@nixen/api'
import type { ProtectNote } from '../protect/freeze.ts'
import type { ProtectJournal } from '../protect/undo.ts'
import type { VmConfig } from '../protect/vm-config.ts'

/** A disk of a restore point that Nixen gives away for reading and writing. What is written stays with the export. */
export interface InstantDisk {
  /** Key of the disk in the config. */
  readonly key: string
  /** Bytes. */
  readonly size: number
  readonly exportName: string
  readonly at: InstantAddress
}

/** Where the host finds a disk, and what it shows there. PEM. */
export type InstantAddress =
  | { readonly kind: 'unix'; readonly socketPath: string }
  | {
      readonly kind: 'tls'
      readonly host: string
      readonly port: number
      readonly ca: string
      readonly certificate: string
      readonly key: string
    }

export interface InstantRequest {
  readonly config: VmConfig
  /** Name of the new VM. */
  readonly name: string
  readonly disks: readonly InstantDisk[]
  /** By key of the network in the config; `null` leaves the NIC out, as does a network that there is nothing like. */
  readonly networkOf?: Readonly<Record<string, NetworkId | null>> | undefined
  readonly addTags?: readonly string[] | undefined
}

interface Working {
  readonly journal: ProtectJournal
  readonly signal?: AbortSignal | undefined
}

export interface MoveOptions extends Working {
  /** Where the disks go. */
  readonly storage: StorageId
  readonly progress?:
    | ((progress: { readonly disk: string; readonly doneBytes: number; readonly totalBytes: number }) => void)
    | undefined
}

/**
 * Starting a VM from the repository: its disks are NBD exports of Nixen, and move to a storage of the host while it runs. The export has to stay
 * until {@link InstantActions.move} is done, or the VM is gone.
 */
export interface InstantActions {
  /** Why no VM can be started from a repository here: a sentence for people. Undefined where it can. */
  readonly impossible?: string | undefined
  /** `unix`: the host runs on this machine and may open the socket; `tls`: it connects over the network. */
  readonly reach: 'unix' | 'tls'
  /** Makes the VM and starts it, with its disks where they are exported. @throws vm.*, connection.* */
  start(
    request: InstantRequest,
    options: Working,
  ): Promise<{ readonly vm: VmId; readonly notes: readonly ProtectNote[] }>
  /**
   * Copies the disks to a storage while the VM runs, and goes on there; what was written meanwhile is there as well. When it resolves no host
   * has an export open. A move that is cancelled or fails leaves the VM running from the exports.
   */
  move(vm: VmId, options: MoveOptions): Promise<void>
}
