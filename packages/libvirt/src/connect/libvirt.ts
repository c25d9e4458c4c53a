import { systemClock, type Clock } from '@nixen/core'
import { authenticate, type Credentials } from '../auth/authenticate.ts'
import { isLibvirtError, libvirtErrors } from '../errors.ts'
import {
  VIR_CONNECT_RO,
  VIR_DRV_FEATURE_PROGRAM_KEEPALIVE,
  VIR_ERR_NO_SUPPORT,
  VIR_ERR_RPC,
} from '../generated/constants.ts'
import { procedures } from '../generated/procedures.ts'
import type { RpcStream } from '../rpc/rpc-stream.ts'
import { Rpc, type CallOptions } from '../rpc/rpc.ts'
import type { KeepaliveOptions } from '../rpc/keepalive.ts'
import { openTransport, type Transport, type TransportOptions } from '../transport/transport.ts'
import { parseUri, type LibvirtUri } from '../transport/uri.ts'
import type { Procedure } from '../wire/procedure.ts'
import { decodeEvent, type EventKinds, type LibvirtEvent } from './events.ts'
import { createCalls, type Calls } from './calls.ts'

export interface LibvirtOptions extends Omit<TransportOptions, 'signal'> {
  /** `qemu:///system`, `qemu+ssh://root@host/system`, `test:///default?socket=/path`, … */
  readonly uri: string
  /** For SASL. */
  readonly credentials?: Credentials | undefined
  /** Nothing may be changed over it. */
  readonly readOnly?: boolean | undefined
  /** Every 5 s, 5 times, as libvirt's own client; `false` for a connection that is only for bulk data. */
  readonly keepalive?: KeepaliveOptions | false | undefined
  /** Milliseconds for connecting, logging in and opening together; 30,000 when left out. */
  readonly timeout?: number | undefined
  readonly clock?: Clock | undefined
}

/**
 * A connection to a libvirt daemon.
 *
 * @example
 *   await using libvirt = await Libvirt.connect({ uri: 'qemu:///system' })
 *   const { domains } = await libvirt.call.connectListAllDomains({ needResults: 1 })
 */
export class Libvirt implements AsyncDisposable {
  readonly #rpc: Rpc
  readonly #listeners = new Set<(event: LibvirtEvent) => void>()
  readonly #closed = Promise.withResolvers<unknown>()
  readonly #options: LibvirtOptions
  readonly uri: LibvirtUri
  /** Every procedure that there is code for, typed: `libvirt.call.domainGetXmlDesc({ dom })`. */
  readonly call: Calls

  private constructor(options: LibvirtOptions, uri: LibvirtUri, { duplex, oneByOne }: Transport) {
    this.#options = options
    this.uri = uri
    this.#rpc = new Rpc(duplex, {
      oneByOne,
      clock: options.clock ?? systemClock,
      onEvent: (program, number, body) => this.#told(program, number, body),
      onClose: (error) => this.#closed.resolve(error),
    })
    this.call = createCalls(this.#rpc)
  }

  /**
   * Connects, logs in and opens.
   *
   * @throws libvirt.bad_uri, unreachable, tls_failed, certificate_untrusted, auth_failed, bad_frame, timeout; LibvirtError when the daemon does not
   *   open the driver; the signal's reason
   */
  static async connect(
    options: LibvirtOptions,
    { signal }: { signal?: AbortSignal | undefined } = {},
  ): Promise<Libvirt> {
    const uri = parseUri(options.uri)
    const clock = options.clock ?? systemClock
    const limit = options.timeout ?? 30_000
    const done = new AbortController()
    const late = new AbortController()
    clock.sleep(limit, { signal: done.signal }).then(
      () => late.abort(libvirtErrors.timeout({ what: `the connection to ${uri.text}`, ms: limit })),
      () => undefined,
    )
    const either = signal ? AbortSignal.any([signal, late.signal]) : late.signal
    try {
      return await Libvirt.#open(options, uri, either)
    } finally {
      done.abort()
    }
  }

  static async #open(options: LibvirtOptions, uri: LibvirtUri, signal: AbortSignal): Promise<Libvirt> {
    const transport = await openTransport(uri, { tls: options.tls, ssh: options.ssh, signal })
    const libvirt = new Libvirt(options, uri, transport)
    try {
      await libvirt.#login(transport.isPrivate, { signal })
      return libvirt
    } catch (error) {
      libvirt.#rpc.destroy(error)
      throw error
    }
  }

  async #login(isPrivate: boolean, call: CallOptions): Promise<void> {
    const { credentials, keepalive, readOnly } = this.#options
    await authenticate(this.#rpc, { address: this.uri.text, isPrivate, credentials }, call)
    if (keepalive !== false && (await this.supports(VIR_DRV_FEATURE_PROGRAM_KEEPALIVE, call))) {
      this.#rpc.startKeepalive(keepalive ?? { interval: 5000, count: 5 })
    }
    await this.call.connectOpen({ name: this.uri.name, flags: readOnly ? VIR_CONNECT_RO : 0 }, call)
  }

  /** Resolves with the reason when the connection has ended, however that was. */
  get closed(): Promise<unknown> {
    return this.#closed.promise
  }

  get isOpen(): boolean {
    return this.#rpc.ended === undefined
  }

  /** Whether the daemon has a feature (`VIR_DRV_FEATURE_…`). */
  async supports(feature: number, options: CallOptions = {}): Promise<boolean> {
    try {
      return (await this.call.connectSupportsFeature({ feature }, options)).supported !== 0
    } catch (error) {
      if (isLibvirtError(error)) return false
      throw error
    }
  }

  /** Opens another connection like this one: for what takes long, and for bulk data. */
  async another(
    changes: Partial<LibvirtOptions> = {},
    options: { signal?: AbortSignal | undefined } = {},
  ): Promise<Libvirt> {
    return await Libvirt.connect({ ...this.#options, ...changes }, options)
  }

  /** Calls a procedure that opens a stream: `stream('storageVolDownload', { … })`. Best on a connection of its own ({@link another}). */
  async stream<K extends StreamName>(
    name: K,
    args: ArgsOf<K>,
    options: CallOptions = {},
  ): Promise<{ readonly ret: RetOf<K>; readonly stream: RpcStream }> {
    // The name decides the types of arguments and answer.
    const procedure = procedures[name] as unknown as Procedure<ArgsOf<K>, RetOf<K>>
    return await this.#rpc.stream(procedure, args, options)
  }

  /**
   * Has `listener` told of events as they come, from before this resolves. It is called at once, so it has to be quick. Kinds that the daemon
   * does not know are left out. Disposing of what comes back ends it.
   */
  async listen(kinds: EventKinds, listener: (event: LibvirtEvent) => void): Promise<AsyncDisposable> {
    this.#listeners.add(listener)
    const { call } = this
    const undo: (() => Promise<unknown>)[] = []
    const each = async (
      ids: readonly number[] | undefined,
      register: (eventId: number) => Promise<{ callbackId: number }>,
      deregister: (callbackId: number) => Promise<unknown>,
    ): Promise<void> => {
      for (const id of ids ?? []) {
        const found = await optional(register(id))
        if (found) undo.push(async () => await deregister(found.callbackId))
      }
    }
    await each(
      kinds.domain,
      (eventId) => call.connectDomainEventCallbackRegisterAny({ eventId }),
      (callbackId) => call.connectDomainEventCallbackDeregisterAny({ callbackId }),
    )
    await each(
      kinds.network,
      (eventId) => call.connectNetworkEventRegisterAny({ eventId }),
      (callbackId) => call.connectNetworkEventDeregisterAny({ callbackId }),
    )
    await each(
      kinds.storagePool,
      (eventId) => call.connectStoragePoolEventRegisterAny({ eventId }),
      (callbackId) => call.connectStoragePoolEventDeregisterAny({ callbackId }),
    )
    await each(
      kinds.nodeDevice,
      (eventId) => call.connectNodeDeviceEventRegisterAny({ eventId }),
      (callbackId) => call.connectNodeDeviceEventDeregisterAny({ callbackId }),
    )
    await each(
      kinds.secret,
      (eventId) => call.connectSecretEventRegisterAny({ eventId }),
      (callbackId) => call.connectSecretEventDeregisterAny({ callbackId }),
    )
    return {
      [Symbol.asyncDispose]: async () => {
        this.#listeners.delete(listener)
        if (!this.isOpen) return
        await Promise.allSettled(undo.map(async (end) => await end()))
      },
    }
  }

  #told(program: number, number: number, body: Buffer): void {
    if (this.#listeners.size === 0) return
    const event = decodeEvent(program, number, body)
    if (event) for (const listener of this.#listeners) listener(event)
  }

  /** Says goodbye and hangs up. Never throws. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.isOpen) await this.call.connectClose({ timeout: 2000 }).catch(() => undefined)
    this.#rpc.destroy(libvirtErrors.closed({ what: 'Something' }))
  }
}

type Procedures = typeof procedures
type StreamName = {
  [K in keyof Procedures]: K extends
    | 'storageVolUpload'
    | 'storageVolDownload'
    | 'domainOpenConsole'
    | 'domainOpenChannel'
    | 'domainScreenshot'
    ? K
    : never
}[keyof Procedures]
type ArgsOf<K extends keyof Procedures> = Procedures[K] extends Procedure<infer A, infer _> ? A : never
type RetOf<K extends keyof Procedures> = Procedures[K] extends Procedure<infer _, infer R> ? R : never

/** `undefined` when the daemon does not have it. */
export async function optional<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call
  } catch (error) {
    if (isLibvirtError(error, VIR_ERR_NO_SUPPORT, VIR_ERR_RPC)) return undefined
    throw error
  }
}
