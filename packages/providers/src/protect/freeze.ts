import type { ChangeToken } from '@nixen/disk'
import type { ConfigDisk, VmConfig } from './vm-config.ts'
import type { ProtectJournal, ProtectStep } from './undo.ts'

/**
 * What a frozen VM holds.
 *
 * - `crash`: disks as after a power cut; at once, the VM runs on.
 * - `memory`: disks and memory; the VM stands still while its memory is written.
 * - `halted`: disks of a VM that is off (or suspended); refused while it runs.
 */
export type FreezeMode = 'crash' | 'memory' | 'halted'

export interface FreezeOptions {
  /** Who asks, for marks on objects and for the janitor: the id of a job. At most 64 characters. */
  readonly owner: string
  readonly mode?: FreezeMode | undefined
  /**
   * Whether the guest is asked to bring its data in order first. `try` notes in {@link FrozenVm.notes} why it could not be; `require` throws
   * `protect.cannot_quiesce`. `never` when left out.
   */
  readonly quiesce?: 'never' | 'try' | 'require' | undefined
  /** Why a disk is left out, or `undefined` to take it. Asked once for each disk. */
  readonly exclude?: ((disk: ConfigDisk) => string | undefined) | undefined
  /** Whether the host may be told to follow changes of the disks from now on; yes when left out. */
  readonly trackChanges?: boolean | undefined
  /** Name of the snapshot; made from the owner and a mark when left out. The mark is always part of it. */
  readonly name?: string | undefined
  readonly journal: ProtectJournal
  readonly signal?: AbortSignal | undefined
  /** 0 to 1. */
  readonly progress?: ((part: number) => void) | undefined
}

/** A disk of a frozen VM. */
export interface FrozenDisk extends ConfigDisk {
  /**
   * Stands for the disk at this moment: with it a later `openDisk` tells what changed, once {@link ProtectActions.keep} has kept it. To be
   * stored with the restore point, before `keep` is called.
   */
  readonly token: ChangeToken
  /** The provider's name of the frozen copy. */
  readonly frozen: string
  /** Whether the host follows changes from here on, or a sentence that says why not. */
  readonly tracking: 'on' | { readonly off: string }
}

export interface ExcludedDisk {
  readonly disk: ConfigDisk
  /** A sentence. */
  readonly reason: string
}

/** Something that a person may want to know about what was done. */
export interface ProtectNote {
  /** Stable: `not-quiesced`, `tpm-unreadable`, … */
  readonly code: string
  /** A sentence. */
  readonly text: string
}

/** A VM at one moment. Plain JSON: any session on the same pool can go on with it, also in another process. */
export interface FrozenVm {
  /** Provider's uuid of the VM. */
  readonly vm: string
  /** Provider's uuid of the snapshot. */
  readonly snapshot: string
  /** Random; part of the snapshot's name, and a mark on all that belongs to it. */
  readonly mark: string
  readonly owner: string
  /** Epoch milliseconds: when the host froze it. */
  readonly time: number
  readonly mode: FreezeMode
  readonly quiesced: boolean
  readonly config: VmConfig
  readonly disks: readonly FrozenDisk[]
  readonly excluded: readonly ExcludedDisk[]
  readonly notes: readonly ProtectNote[]
  /** What was written into the journal. To be forgotten by the caller after `keep` or `release`. */
  readonly undo: ProtectStep
}

/** What stays on the host after a backup. */
export interface KeepOptions {
  /**
   * `purge` keeps only the log of changes where the host can (and the data where it can't, so that the next run need not read all);
   * `keep` keeps the snapshot with its data; `nothing` removes all: the next run reads everything.
   */
  readonly data: 'purge' | 'keep' | 'nothing'
  /** Tokens of earlier runs that no restore point needs any more. */
  readonly drop?: readonly ChangeToken[] | undefined
  readonly signal?: AbortSignal | undefined
}

export interface Kept {
  readonly disks: readonly {
    readonly key: string
    readonly token: ChangeToken
    /** `log`: only the log of changes; `data`: the frozen disk itself; `nothing`: the token is of no use any more. */
    readonly kept: 'log' | 'data' | 'nothing'
  }[]
  readonly notes: readonly ProtectNote[]
}

/** Something of ours on the host. */
export interface Stray {
  /** `snapshot` of a VM; `disk`: a frozen disk or its log; `restore`: a VM or a disk of a restore that has not ended. */
  readonly kind: 'snapshot' | 'disk' | 'restore'
  /** Provider's class and uuid. */
  readonly native: { readonly class: string; readonly uuid: string }
  readonly name: string
  readonly owner: string
  readonly mark: string
  /** Whether {@link ProtectActions.keep} has kept it: then it is needed as long as its token is. */
  readonly kept: boolean
  /** For frozen disks. */
  readonly token?: ChangeToken | undefined
  /** Epoch milliseconds; 0 where the host does not tell. */
  readonly time: number
  /** Bytes on the storage. */
  readonly bytes: number
}
