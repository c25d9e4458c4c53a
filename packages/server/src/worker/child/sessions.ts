import { silentLog, systemClock, systemRandom } from '@nixen/core'
import type { ConnectionSpec, Provider, ProviderSession } from '@nixen/providers'

/** Sessions on pools that an operation has open, one for each. */
export class Sessions implements AsyncDisposable {
  readonly #signal: AbortSignal
  readonly #open = new Map<string, Promise<ProviderSession>>()

  constructor(signal: AbortSignal) {
    this.#signal = signal
  }

  /** Logs in, or gives the session that is open. @throws connection.* */
  get(spec: ConnectionSpec): Promise<ProviderSession> {
    let found = this.#open.get(spec.id)
    if (!found) {
      found = this.#login(spec)
      this.#open.set(spec.id, found)
    }
    return found
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const result of await Promise.allSettled(this.#open.values())) {
      // One that could not be opened was told to who asked for it.
      if (result.status === 'fulfilled') await result.value[Symbol.asyncDispose]()
    }
  }

  async #login(spec: ConnectionSpec): Promise<ProviderSession> {
    // Providers are large; who works with files alone does not wait for them.
    const { libvirtProvider, xapiProvider } = await import('@nixen/providers')
    const providers: readonly Provider[] = [xapiProvider, libvirtProvider]
    const provider = providers.find(({ kind }) => kind === spec.kind)
    if (!provider) throw new TypeError(`no provider speaks ${spec.kind}`)
    const ports = { clock: systemClock, random: systemRandom, log: silentLog }
    return await provider.open(spec, ports, { signal: this.#signal })
  }
}
