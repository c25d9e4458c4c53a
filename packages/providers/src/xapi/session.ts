import { setImmediate } from 'node:timers/promises'
import {
  connectionErrors,
  type HostId,
  parseId,
  type ResourceId,
  type Stats,
  type StorageFinding,
  type StoragePlace,
  type TaskId,
  typeOfId,
} from '@nixen/api'
import { anySignal, isAbort } from '@nixen/core'
import { rrdUpdates, type Xapi, type XapiChanges } from '@nixen/xapi'
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
import type { ProviderActions, UndoStep } from '../action/actions.ts'
import type { ProviderConsoles } from '../console/console.ts'
import type { InstantActions } from '../instant/instant-actions.ts'
import type { ProviderInspect } from '../inspect/inspect.ts'
import type { ProtectActions } from '../protect/protect-actions.ts'
import type { ReplicaActions } from '../replica/replica-actions.ts'
import type { StatsQuery } from '../stats.ts'
import type { TransferActions } from '../transfer/transfer-actions.ts'
import type { VerifyActions } from '../verify/verify-actions.ts'
import { needsSomebody } from '../needs-somebody.ts'
import { xapiActions } from './actions/actions.ts'
import { refOf, type XapiContext } from './actions/context.ts'
import { rememberContext } from './actions/contexts.ts'
import { undoStep } from './actions/undo.ts'
import { xapiConsoles } from './console.ts'
import { connectionError } from './errors.ts'
import { readClasses, XapiInventory, type ReadClass } from './inventory.ts'
import { xapiInspect } from './inspect/inspect.ts'
import { fetchNative } from './native.ts'
import { namesIn } from './model/names.ts'
import { notFound } from './not-found.ts'
import { xapiProtect } from './protect/protect.ts'
import { probeStorage } from './storage/probe.ts'
import { xapiTransfer } from './transfer/transfer.ts'
import { xapiReplicas } from './replica/replica.ts'
import { xapiInstant } from './instant/instant.ts'
import { xapiVerify } from './verify/verify.ts'
import { capabilitiesOf } from './restrictions.ts'
import { chooseArchive, statsOf } from './rrd-stats.ts'

/** Longest pause of the client before it asks again, in milliseconds: a host that is back has to be seen within 5 s. */
const maxPause = 2000

/** A session on a pool. */
export class XapiSession implements ProviderSession {
  readonly #xapi: Xapi
  readonly #spec: ConnectionSpec
  readonly #ports: ProviderPorts
  readonly #inventory: XapiInventory
  readonly #context: XapiContext
  readonly actions: ProviderActions
  readonly inspect: ProviderInspect
  readonly protect: ProtectActions
  readonly transfer: TransferActions
  readonly verify: VerifyActions
  readonly replicas: ReplicaActions
  readonly instant: InstantActions = xapiInstant()
  readonly consoles: ProviderConsoles

  constructor(
    xapi: Xapi,
    spec: ConnectionSpec,
    { ports, known }: { ports: ProviderPorts; known: KnownObjects | undefined },
  ) {
    this.#xapi = xapi
    this.#spec = spec
    this.#ports = ports
    this.#inventory = new XapiInventory(spec.id, known)
    const { id: connection, username, password } = spec
    const names = namesIn(this.#inventory.model)
    this.#context = {
      xapi,
      connection,
      master: () => (xapi.master ?? spec.address).replace(/:\d+$/, ''),
      credentials: { username, password },
    }
    this.actions = xapiActions(this.#context, (error) => connectionError(error, spec, names))
    rememberContext(this, this.#context)
    this.inspect = xapiInspect(this.#context, (error) => connectionError(error, spec, names))
    this.consoles = xapiConsoles(this.#context, spec)
    const { clock, random } = ports
    const protect = { xapi, connection: spec.id, clock, random }
    const translate = (error: unknown): unknown => connectionError(error, spec, names)
    this.protect = xapiProtect(protect, translate)
    this.verify = xapiVerify(protect, translate)
    this.replicas = xapiReplicas(protect, translate)
    this.transfer = xapiTransfer({ context: this.#context, protect, translate })
  }

  get product(): string {
    const { productBrand, productVersion } = this.#xapi.pool.master
    return `${productBrand || 'XAPI'} ${productVersion}`.trim()
  }

  get poolKey(): string {
    return this.#xapi.pool.uuid
  }

  get activeAddress(): string | undefined {
    return this.#xapi.master
  }

  get capabilities(): ProviderCapabilities {
    const [pool] = this.#inventory.model.pools.values()
    return capabilitiesOf(pool?.restrictions ?? [])
  }

  async *changes({ signal, onInterrupted, onResumed }: ChangesOptions = {}): AsyncGenerator<InventoryChange, void> {
    const broken = new AbortController()
    let interrupted = false
    const onRetry = (failure: unknown): void => {
      const error = connectionError(failure, this.#spec)
      // The client would go on asking a host that is not to be trusted any more.
      if (needsSomebody(error)) broken.abort(error)
      interrupted = true
      onInterrupted?.(error)
    }
    const events = this.#xapi.events({
      classes: readClasses,
      signal: anySignal(signal, broken.signal),
      maxPause,
      onRetry,
    })
    try {
      for await (const event of events) {
        if (interrupted) onResumed?.()
        interrupted = false
        yield* this.#take(event)
      }
    } catch (error) {
      signal?.throwIfAborted()
      throw connectionError(isAbort(error, broken.signal) ? broken.signal.reason : error, this.#spec)
    }
  }

  async *#take(event: XapiChanges<ReadClass>): AsyncGenerator<InventoryChange, void> {
    switch (event.kind) {
      case 'reset':
        // Only the first one: later ones come with what is gone, so what was told stays.
        if (event.reason === 'start') yield { kind: 'reset' }
        return
      case 'changes':
        for (const change of event.changes) this.#inventory.apply(change)
        return
      case 'synced':
        for (const changes of this.#inventory.flush()) {
          yield { kind: 'changes', changes }
          // Thousands of objects: let others have the thread in between.
          await setImmediate()
        }
        yield { kind: 'synced' }
    }
  }

  async native(id: ResourceId, { signal }: { signal?: AbortSignal } = {}): Promise<NativeObject> {
    const found = await this.#asked(() => fetchNative(this.#xapi, id, signal))
    if (!found) throw notFound(typeOfId(id), id)
    return found
  }

  async stats(query: StatsQuery): Promise<Stats> {
    const parts = parseId(query.id)
    if (!parts || !measured.has(parts.type)) {
      throw connectionErrors.unsupported({ action: 'stats', reason: 'Only hosts, VMs and storages are measured.' })
    }
    const { from, signal } = query
    const { start, step } = chooseArchive({ from, now: this.#ports.clock.now(), step: query.step })
    const host = this.#hostFor(query.id)
    const updates = await this.#asked(() =>
      rrdUpdates(this.#xapi, {
        start,
        interval: step,
        ...(host === undefined ? {} : { host }),
        ...(parts.type === 'vm' ? { vmUuid: parts.key } : {}),
        ...(parts.type === 'host' ? { includeHost: true } : {}),
        ...(parts.type === 'storage' ? { srUuid: parts.key } : {}),
        ...(signal ? { signal } : {}),
      }),
    )
    return statsOf(updates, parts.key)
  }

  async undo(step: UndoStep): Promise<void> {
    if (/^(protect|verify|replica)\./.test(step.kind)) await this.protect.undo(step)
    else await this.#asked(() => undoStep(this.#context, step))
  }

  async probeStorage(look: { readonly host: HostId; readonly place: StoragePlace }): Promise<StorageFinding> {
    return await this.#asked(async () => await probeStorage(this.#context, look))
  }

  async cancelTask(id: TaskId): Promise<void> {
    await this.#asked(async () => {
      await this.#xapi.client.task.cancel(await refOf(this.#context, id, 'task'))
    })
  }

  /** The address of the host that measures an object: itself, the one that a VM runs on, one that has a storage. */
  #hostFor(id: ResourceId): string | undefined {
    const { hosts, vms, srs, pbds, pbdsOfSr, vmsByUuid } = this.#inventory.model
    if (typeOfId(id) === 'host') return [...hosts.values()].find((row) => row.id === id)?.address
    if (typeOfId(id) === 'vm') {
      const [ref = ''] = vmsByUuid.of(parseId(id)?.key ?? '')
      return hosts.get(vms.get(ref)?.host ?? '')?.address
    }
    const [ref = ''] = [...srs].find(([, row]) => row.id === id) ?? []
    const pbd = pbdsOfSr.of(ref).find((key) => pbds.get(key)?.attached)
    return hosts.get(pbds.get(pbd ?? '')?.host ?? '')?.address
  }

  async #asked<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw connectionError(error, this.#spec, namesIn(this.#inventory.model))
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#xapi[Symbol.asyncDispose]()
  }
}

const measured: ReadonlySet<string> = new Set(['host', 'vm', 'storage'])
