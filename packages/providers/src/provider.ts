import type {
  ConnectionId,
  HostId,
  InventoryObjects,
  ProviderKind,
  ResourceId,
  ResourceType,
  Stats,
  StorageFinding,
  StoragePlace,
  TaskId,
} from '@nixen/api'
import type { Clock, Log, Random } from '@nixen/core'
import type { ProviderActions, UndoStep } from './action/actions.ts'
import type { ProviderConsoles } from './console/console.ts'
import type { InstantActions } from './instant/instant-actions.ts'
import type { ProviderInspect } from './inspect/inspect.ts'
import type { CertificateProbe } from './probe.ts'
import type { ProtectActions } from './protect/protect-actions.ts'
import type { ReplicaActions } from './replica/replica-actions.ts'
import type { StatsQuery } from './stats.ts'
import type { TransferActions } from './transfer/transfer-actions.ts'
import type { VerifyActions } from './verify/verify-actions.ts'

/** How one hypervisor endpoint is reached, and who we are there. */
export interface ConnectionSpec {
  readonly id: ConnectionId
  readonly kind: ProviderKind
  /** `https://pool.example.net`, `qemu+ssh://host/system`, … without credentials. */
  readonly address: string
  readonly username: string
  /** Never in an error, never in a log. */
  readonly password: string
  /** Pinned SHA-256 fingerprint. Without it the certificate has to be signed by a known authority. */
  readonly fingerprint?: string | undefined
  /** Other members of the pool that were seen before: tried in turn when `address` does not answer. */
  readonly members?: readonly Member[] | undefined
  /** Key of the pool that was connected before: another one behind the address is `connection.other_pool`. */
  readonly poolKey?: string | undefined
}

/** A member of a pool that may answer in place of the first address. */
export interface Member {
  /** Name or address alone; protocol and port are those of the connection. */
  readonly host: string
  /** Its certificate, as the pool itself said over a trusted connection. */
  readonly fingerprint?: string | undefined
}

/** What a provider takes from outside. */
export interface ProviderPorts {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

/** What the other end cannot do: actions (`vm:suspend`), each with the sentence that says why. Everything else it can. */
export interface ProviderCapabilities {
  readonly unsupported: Readonly<Record<string, string>>
}

/** One object came, changed or went. `object` is whole; a part of it that did not change is the same value as before. */
export type ObjectChange = Upsert | Remove
export type Upsert = {
  readonly [T in ResourceType]: {
    readonly kind: 'upsert'
    readonly type: T
    readonly id: ResourceId<T>
    readonly object: InventoryObjects[T]
  }
}[ResourceType]
export interface Remove {
  readonly kind: 'remove'
  readonly type: ResourceType
  readonly id: ResourceId
}

/**
 * What a reader of the inventory gets.
 *
 * - `reset`: everything there is follows, up to `synced`; what is not told by then is gone.
 * - `changes`: a batch of objects, each as it is now. Within a batch, and until `synced`, references between objects may point at
 *   objects that are still to come.
 * - `synced`: what was told so far is the state of the host at one moment.
 */
export type InventoryChange =
  | { readonly kind: 'reset' }
  | { readonly kind: 'changes'; readonly changes: readonly ObjectChange[] }
  | { readonly kind: 'synced' }

export interface ChangesOptions {
  readonly signal?: AbortSignal | undefined
  /**
   * The host does not answer and is asked again; what is known may be out of date until the next `synced`.
   * Told once for each failed attempt.
   */
  readonly onInterrupted?: (error: unknown) => void
  /** The host answers again, before anything of it is read. */
  readonly onResumed?: () => void
}

/** The record of an object as the provider has it. Plain JSON. */
export interface NativeObject {
  /** The provider's word for what it is: `VM`, `SR`, `domain`, … */
  readonly class: string
  /** The provider's own handle of it. */
  readonly ref: string
  readonly record: Readonly<Record<string, unknown>>
}

/**
 * A live connection: logged in, ready to be read. It mends short interruptions itself; when it cannot, `changes()` throws an error of
 * the catalogue (`connection.*`) and the session is of no more use. Disposing of it logs out and never throws.
 */
export interface ProviderSession extends AsyncDisposable {
  /** Product and version at the other end, for people. */
  readonly product: string
  /** Key of the pool; see {@link ConnectionSpec.poolKey}. */
  readonly poolKey: string
  /** The member that is spoken to now. */
  readonly activeAddress: string | undefined
  readonly capabilities: ProviderCapabilities
  /**
   * The inventory: everything first, then changes as they happen. Only as fast as the reader takes them. May be called once.
   *
   * @throws connection.*, the signal's reason
   */
  changes(options?: ChangesOptions): AsyncIterable<InventoryChange>
  /** The provider's full record of an object, fetched now. @throws `TYPE.not_found`, connection.* */
  native(id: ResourceId, options?: { readonly signal?: AbortSignal }): Promise<NativeObject>
  /** What was measured of a host, VM or storage. @throws `TYPE.not_found`, connection.* */
  stats(query: StatsQuery): Promise<Stats>
  /** What can be done with the objects of the connection. */
  readonly actions: ProviderActions
  /** What backup and restore need; all of it works as soon as the session is open. */
  readonly protect: ProtectActions
  /** Import and export. */
  readonly transfer: TransferActions
  /** Replicas of VMs that are kept here; absent where there are none. */
  readonly replicas?: ReplicaActions | undefined
  /** Starting VMs from a repository; absent is the same as impossible. */
  readonly instant?: InstantActions | undefined
  /** Health checks of restore points; absent where there are none. */
  readonly verify?: VerifyActions | undefined
  /** Screens and terminals of VMs and hosts. */
  readonly consoles: ProviderConsoles
  /** Questions that the hosts answer when they are asked. */
  readonly inspect: ProviderInspect
  /** Takes back what an action began, also one of an earlier session. What is gone already is no error. @throws connection.* */
  undo(step: UndoStep): Promise<void>
  /** Lets a host look at a place where storages may be. Writes nothing. @throws host.not_found, connection.* */
  probeStorage(look: { readonly host: HostId; readonly place: StoragePlace }): Promise<StorageFinding>
  /** Asks the host to cancel one of its tasks. @throws task.not_found, connection.* */
  cancelTask(id: TaskId): Promise<void>
}

export interface OpenOptions {
  readonly signal?: AbortSignal | undefined
  /** Objects that an earlier session told: one that is still the same is told as the same object. */
  readonly known?: KnownObjects | undefined
}
export type KnownObjects = (id: ResourceId) => InventoryObjects[ResourceType] | undefined

/** The code that speaks to one kind of endpoint. */
export interface Provider {
  readonly kind: ProviderKind
  /**
   * Logs in; one attempt over the known addresses.
   *
   * @throws connection.unreachable, timeout, tls_failed, unknown_certificate, certificate_changed, wrong_credentials, forbidden,
   *   not_the_product, other_pool, bad_answer, provider; the signal's reason
   */
  open(spec: ConnectionSpec, ports: ProviderPorts, options?: OpenOptions): Promise<ProviderSession>
  /**
   * Looks at what the endpoint presents without sending anything about ourselves: to be shown before credentials are given.
   *
   * @throws connection.unreachable, tls_failed, timeout
   */
  probe(
    address: string,
    ports: ProviderPorts,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<CertificateProbe>
}
