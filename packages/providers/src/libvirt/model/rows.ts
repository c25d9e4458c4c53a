import type { Vm } from '@nixen/api'
import type {
  Domain,
  DomainDisk,
  DomainNic,
  DomainXml,
  Network,
  NetworkXml,
  StoragePool,
  StorageVol,
} from '@nixen/libvirt'
import type { VmMetadata } from '../metadata.ts'

type Lean<T> = Omit<T, 'xml'>

/** A domain, without the XML that it was read from. */
export interface DomainRow {
  /** What it is called in calls. */
  readonly dom: Domain
  readonly spec: Lean<Omit<DomainXml, 'disks' | 'nics'>> & {
    readonly disks: readonly Lean<DomainDisk>[]
    readonly nics: readonly Lean<DomainNic>[]
  }
  readonly power: Vm['power']
  readonly autoStart: boolean
  /** It goes away when it stops. */
  readonly isTransient: boolean
  readonly metadata: VmMetadata
  readonly snapshots: readonly SnapshotRow[]
  readonly guest: GuestRow | undefined
}

export interface SnapshotRow {
  readonly name: string
  readonly description: string
  /** Epoch milliseconds. */
  readonly created: number
  readonly parent: string | undefined
  readonly isCurrent: boolean
  readonly hasMemory: boolean
}

/** What the guest agent says. */
export interface GuestRow {
  readonly hostname: string | undefined
  readonly os: Vm['os']
  /** By MAC address, lower case. */
  readonly addresses: ReadonlyMap<string, readonly string[]>
}

export interface PoolRow {
  readonly pool: StoragePool
  readonly type: string
  readonly path: string | undefined
  readonly isActive: boolean
  readonly capacity: number | undefined
  readonly allocation: number | undefined
}

export interface VolumeRow {
  readonly vol: StorageVol
  /** Uuid of the pool. */
  readonly pool: string
  readonly path: string
  readonly capacity: number
  readonly allocation: number | undefined
  readonly format: string | undefined
  /** Path of the image below it. */
  readonly backing: string | undefined
  readonly changed: number | undefined
}

export interface NetworkRow extends Lean<NetworkXml> {
  readonly net: Network
  readonly isActive: boolean
}

/** A NIC of the host. */
export interface HostNicRow {
  /** Name of the node device. */
  readonly device: string
  readonly name: string
  readonly mac: string | undefined
  readonly carrier: boolean | undefined
  /** Bit/s. */
  readonly speed: number | undefined
}

export interface HostRow {
  /** Uuid of the host, for ever. */
  readonly key: string
  readonly hostname: string
  readonly arch: string
  /** `QEMU`, `Xen`, `TEST`. */
  readonly hypervisor: string
  /** `9.0.0` */
  readonly hypervisorVersion: string
  readonly libvirtVersion: string
  readonly cpuModel: string | undefined
  readonly cpuVendor: string | undefined
  readonly sockets: number
  readonly cores: number
  readonly threads: number
  /** Bytes. */
  readonly memory: number
  readonly iommu: boolean
}
