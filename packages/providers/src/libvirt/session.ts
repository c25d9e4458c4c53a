import { setImmediate } from 'node:timers/promises'
import { connectionErrors, parseId, type ResourceId, type Stats, type StorageFinding } from '@nixen/api'
import type { ProviderActions, UndoStep } from '../action/actions.ts'
import type { ProviderConsoles } from '../console/console.ts'
import type { InstantActions } from '../instant/instant-actions.ts'
import type { ProviderInspect } from '../inspect/inspect.ts'
import type { ProtectActions } from '../protect/protect-actions.ts'
import type {
  ChangesOptions,
  ConnectionSpec,
  InventoryChange,
  KnownObjects,
  NativeObject,
  ProviderCapabilities,
  ProviderPorts,
  ProviderSession,
} from '../provider.ts'
import type { StatsQuery } from '../stats.ts'
import type { TransferActions } from '../transfer/transfer-actions.ts'
import { libvirtActions } from './actions/actions.ts'
import type { LibvirtContext } from './actions/context.ts'
import { rememberContext } from './actions/contexts.ts'
import { unsupported } from './actions/refuse.ts'
import { undoStep } from './actions/undo.ts'
import { libvirtConsoles } from './console.ts'
import { libvirtError } from './errors.ts'
import { libvirtInspect } from './inspect.ts'
import { libvirtInstant } from './instant/instant.ts'
import { LibvirtInventory } from './inventory.ts'
import type { Link } from './link.ts'
import type { HostRow } from './model/rows.ts'
import { fetchNative } from './native.ts'
import { libvirtProtect } from './protect/protect.ts'
import { Reader } from './read/reader.ts'
import { StatsSampler } from './stats.ts'
import { libvirtTransfer } from './transfer.ts'

/** A session on a libvirt daemon. */
export class LibvirtSession implements ProviderSession {
  readonly #link: Link
  readonly #spec: ConnectionSpec
  readonly #host: HostRow
  readonly #inventory: LibvirtInventory
  readonly #reader: Reader
  readonly #context: LibvirtContext
  readonly #stats: StatsSampler
  readonly actions: ProviderActions
  readonly inspect: ProviderInspect
  readonly protect: ProtectActions
  readonly instant: InstantActions
  readonly transfer: TransferActions
  readonly consoles: ProviderConsoles

  constructor(
    link: Link,
    spec: ConnectionSpec,
    { ports, known, host }: { ports: ProviderPorts; known: KnownObjects | undefined; host: HostRow },
  ) {
    const { clock, random, log } = ports
    this.#link = link
    this.#spec = spec
    this.#host = host
    this.#inventory = new LibvirtInventory(spec.id, known)
    this.#reader = new Reader({ link, model: this.#inventory.model, clock, log })
    this.#stats = new StatsSampler({ clock, hostKey: host.key })
    this.#context = {
      link,
      connection: spec.id,
      hostKey: host.key,
      clock,
      random,
      touch: (what) => this.#reader.touch(what),
    }
    const translate = (error: unknown, id?: ResourceId): unknown => libvirtError(error, spec, id)
    this.actions = libvirtActions(this.#context, translate)
    rememberContext(this, this.#context)
    this.inspect = libvirtInspect(this.#context, translate)
    this.consoles = libvirtConsoles(this.#context, translate)
    this.transfer = libvirtTransfer(this.#context, translate)
    this.instant = libvirtInstant(this.#context, translate)
    this.protect = libvirtProtect(this.#context, { product: this.product, translate })
  }

  get product(): string {
    return `libvirt ${this.#host.libvirtVersion} (${this.#host.hypervisor} ${this.#host.hypervisorVersion})`
  }

  get poolKey(): string {
    return this.#host.key
  }

  get activeAddress(): string | undefined {
    return this.#link.main.uri.host
  }

  get capabilities(): ProviderCapabilities {
    return { unsupported }
  }

  async *changes({ signal }: ChangesOptions = {}): AsyncGenerator<InventoryChange, void> {
    const stop = new AbortController()
    const either = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal
    // Measuring ends with the reading; what the daemon refuses of it concerns nobody else.
    const measuring = this.#link.slow(async (libvirt) => await this.#stats.run(libvirt, either)).catch(() => undefined)
    try {
      yield { kind: 'reset' }
      for await (const _ of this.#reader.run(either)) {
        for (const changes of this.#inventory.flush()) {
          yield { kind: 'changes', changes }
          // Thousands of objects: let others have the thread in between.
          await setImmediate()
        }
        yield { kind: 'synced' }
      }
    } catch (error) {
      signal?.throwIfAborted()
      throw libvirtError(error, this.#spec)
    } finally {
      stop.abort()
      await measuring
    }
  }

  async native(id: ResourceId): Promise<NativeObject> {
    return await this.#asked(async () => await fetchNative(this.#context, id), id)
  }

  async stats({ id, from }: StatsQuery): Promise<Stats> {
    const parts = parseId(id)
    if (parts?.type !== 'vm' && parts?.type !== 'host') {
      throw connectionErrors.unsupported({ action: 'stats', reason: 'Only VMs and hosts are measured here.' })
    }
    return await Promise.resolve(this.#stats.of(parts.key, { from }))
  }

  async undo(step: UndoStep): Promise<void> {
    if (step.kind.startsWith('protect.')) await this.protect.undo(step)
    else await this.#asked(async () => await undoStep(this.#context, step))
  }

  async probeStorage(): Promise<StorageFinding> {
    return await Promise.resolve({ storages: [] })
  }

  async cancelTask(): Promise<void> {
    await Promise.reject(
      connectionErrors.unsupported({ action: 'task cancel', reason: 'libvirt has no tasks; cancel the one of Nixen.' }),
    )
  }

  async #asked<T>(work: () => Promise<T>, id?: ResourceId): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw libvirtError(error, this.#spec, id)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#link[Symbol.asyncDispose]()
  }
}
