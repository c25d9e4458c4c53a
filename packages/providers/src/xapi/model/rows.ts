// What is kept of each record: the fields that Nixen's resources are made of, and nothing else. A pool of 10,000 VMs has 80,000 records
// of 2 KB each on the wire; all of them would be the largest part of the server's memory.
import type {
  Alarm,
  AlarmId,
  Disk,
  DiskId,
  Host,
  HostCpu,
  HostId,
  HostProduct,
  Network,
  NetworkId,
  Nic,
  NicId,
  Pool,
  PoolId,
  Snapshot,
  SnapshotId,
  Storage,
  StorageId,
  Task,
  TaskId,
  Template,
  TemplateId,
  Vm,
  VmId,
} from '@nixen/api'

/** A reference of XAPI, used as a key only. */
export type Key = string
/** A set that is empty most of the time: absent then. */
export type Words = readonly string[] | undefined

/** A row that a resource is made of. `built` is what was told of it last. */
interface Built<T> {
  built: T | undefined
}

export interface PoolRow extends Built<Pool> {
  readonly id: PoolId
  readonly name: string
  readonly description: string
  readonly tags: string[]
  readonly master: Key | null
  readonly defaultStorage: Key | null
  readonly ha: boolean
  readonly autoStart: boolean
  readonly updating: boolean
  readonly rolling: { readonly what: 'reboot' | 'update'; readonly done: number } | undefined
  /** Feature restrictions of the edition: the keys that are set. */
  readonly restrictions: readonly string[]
}

export interface HostRow extends Built<Host> {
  readonly id: HostId
  readonly name: string
  readonly description: string
  readonly tags: string[]
  readonly enabled: boolean
  readonly hostname: string
  readonly address: string
  readonly product: HostProduct | undefined
  readonly cpu: HostCpu | undefined
  readonly metrics: Key | null
  readonly certificates: readonly Key[]
  readonly started: number | undefined
  readonly needsReboot: boolean
  readonly iommu: boolean | undefined
  readonly busy: Words
}

export interface HostMetricsRow {
  readonly total: number
  readonly free: number | undefined
  readonly live: boolean
}

/** A VM, and what XAPI keeps in the same class: templates, snapshots, control domains. */
export interface VmRow extends Built<Vm | Template | Snapshot> {
  readonly kind: 'vm' | 'template' | 'snapshot' | 'control'
  readonly uuid: string
  readonly id: VmId | TemplateId | SnapshotId
  readonly name: string
  readonly description: string
  readonly tags: string[]
  readonly power: Vm['power']
  readonly host: Key | null
  readonly affinity: Key | null
  readonly vcpus: number
  readonly vcpusMax: number
  readonly memoryTarget: number
  readonly memoryMin: number
  readonly memoryMax: number
  readonly metrics: Key | null
  readonly guest: Key | null
  readonly firmware: 'bios' | 'uefi' | undefined
  readonly secureBoot: boolean | undefined
  readonly tpm: boolean
  readonly virtualization: 'hvm' | 'pv' | 'pvh' | undefined
  readonly autoStart: boolean
  readonly ha: 'restart' | 'best-effort' | 'off'
  readonly busy: Words
  readonly blocked: Record<string, string> | undefined
  /** Most VMs have none of these two. */
  readonly notes: string | undefined
  readonly fields: Record<string, string> | undefined
  readonly immobile: string | undefined
  readonly snapshotOf: Key | null
  readonly snapshotTime: number
  readonly parent: Key | null
  readonly defaultTemplate: boolean
  readonly label: string
}

export interface VmMetricsRow {
  readonly memory: number
  readonly vcpus: number
  readonly started: number
  readonly created: number
  readonly virtualization: 'hvm' | 'pv' | 'pvh' | undefined
  readonly immobile: string | undefined
}

export interface GuestRow {
  readonly os: Vm['os']
  readonly agent: Vm['agent']
  readonly hostname: string | undefined
  /** All addresses, IPv4 first. */
  readonly ips: string[]
  /** Addresses by the number of the NIC; where only one NIC has some, as nearly everywhere, its number: it has all of `ips`. */
  readonly byDevice: ReadonlyMap<string, string[]> | string
}

export interface VbdRow {
  readonly uuid: string
  readonly vm: Key
  readonly vdi: Key | null
  readonly kind: 'disk' | 'cd' | 'floppy'
  readonly device: string
  readonly position: number | undefined
  readonly boot: boolean
  readonly readOnly: boolean
  readonly attached: boolean
}

export interface VdiRow extends Built<Disk> {
  readonly id: DiskId
  readonly sr: Key
  /** False for the parts of chains that no VM uses itself (base copies). */
  readonly managed: boolean
  readonly name: string
  readonly description: string
  readonly tags: string[]
  readonly kind: Disk['kind'] | undefined
  readonly size: number
  readonly used: number | undefined
  readonly format: string | undefined
  readonly snapshotOf: Key | null
  readonly readOnly: boolean
  readonly shareable: boolean
  readonly changeTracking: boolean
  readonly missing: boolean
  readonly created: number | undefined
  readonly busy: Words
}

export interface VifRow extends Built<Nic> {
  readonly id: NicId
  readonly vm: Key
  readonly network: Key
  readonly device: string
  readonly mac: string
  readonly mtu: number
  readonly attached: boolean
  readonly locking: Nic['locking']
  readonly allowedIps: string[] | undefined
  readonly rateLimit: number | undefined
  readonly busy: Words
  /** The network that counts it; see `recount`. */
  counted: Key | undefined
}

export interface PifRow extends Built<Nic> {
  readonly id: NicId
  readonly host: Key
  readonly network: Key
  readonly device: string
  readonly kind: 'physical' | 'bond' | 'vlan' | 'tunnel'
  readonly mac: string
  readonly mtu: number
  readonly vlan: number | undefined
  readonly attached: boolean
  readonly ips: string[]
  readonly management: boolean
  readonly metrics: Key | null
}

export interface PifMetricsRow {
  readonly carrier: boolean
  /** bit/s. */
  readonly speed: number | undefined
}

export interface NetworkRow extends Built<Network> {
  readonly id: NetworkId
  readonly name: string
  readonly description: string
  readonly tags: string[]
  readonly bridge: string
  readonly mtu: number
  readonly automatic: boolean
  readonly nbd: boolean
}

export interface SrRow extends Built<Storage> {
  readonly id: StorageId
  readonly name: string
  readonly description: string
  readonly tags: string[]
  readonly kind: string
  readonly content: Storage['content']
  readonly shared: boolean
  readonly size: number | undefined
  readonly used: number | undefined
  readonly allocated: number | undefined
  readonly thin: boolean | undefined
  readonly maintenance: boolean
}

export interface PbdRow {
  readonly sr: Key
  readonly host: Key
  readonly attached: boolean
}

export interface SmRow {
  readonly type: string
  readonly changeTracking: boolean
}

export interface CertificateRow {
  readonly host: Key | null
  readonly type: string
  readonly fingerprint: string
}

export interface TaskRow extends Built<Task> {
  readonly id: TaskId
  readonly task: Task
  readonly parent: Key | null
}

export interface MessageRow extends Built<Alarm> {
  readonly id: AlarmId
  readonly alarm: Alarm
  readonly class: string
  readonly uuid: string
}
