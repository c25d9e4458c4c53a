import type { ProviderKind } from '@nixen/api'

/** A disk that belongs to a VM, as a restore needs it. Sizes in bytes. */
export interface ConfigDisk {
  /** Stable key of the disk: the uuid of the VM's own disk (not of its snapshot). Names the file in a restore point. */
  readonly key: string
  readonly name: string
  readonly description: string
  readonly size: number
  /** Where it is plugged in, `0`, `1`, …; `memory` is what a suspended VM holds in memory. */
  readonly position: string
  readonly kind: 'disk' | 'memory'
  readonly bootable: boolean
  readonly readOnly: boolean
  readonly storage: { readonly key: string; readonly name: string }
}

/** A NIC of a VM. */
export interface ConfigNic {
  readonly position: string
  readonly mac: string
  readonly mtu: number
  readonly network: {
    readonly key: string
    readonly name: string
    /** Tag of the VLAN, where it has one. */
    readonly vlan?: number | undefined
  }
}

/**
 * All that is needed to make a VM again, as plain JSON. The first part is for people, plans and other providers; `native` is what
 * the provider that took it reads back.
 */
export interface VmConfig {
  readonly format: 'nixen.vm/1'
  readonly provider: ProviderKind
  /** Product and version it was taken from. */
  readonly product: string
  /** Epoch milliseconds. */
  readonly takenAt: number
  /** Nixen's own id of the line of this VM's backups; it survives migration and restore (DESIGN §3.5). */
  readonly lineage: string
  /** The provider's uuid of the VM. */
  readonly key: string
  readonly name: string
  readonly description: string
  readonly tags: readonly string[]
  readonly cpus: number
  /** Bytes. */
  readonly memory: number
  readonly firmware: 'bios' | 'uefi' | 'paravirtual'
  readonly secureBoot: boolean
  readonly powerState: string
  readonly disks: readonly ConfigDisk[]
  readonly nics: readonly ConfigNic[]
  /** The provider's own records. May hold secrets of the guest (UEFI variables, vTPM): to be stored encrypted only. */
  readonly native: Readonly<Record<string, unknown>>
}
