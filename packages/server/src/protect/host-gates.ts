import { Semaphore } from '@nixen/core'

/** Limits how much is done at a time on one host, over all jobs. */
export class HostGates {
  readonly #gates = new Map<string, { readonly gate: Semaphore; users: number }>()

  /** The first who comes says how many may be in. */
  async run<T>(host: string, limit: number, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const entry = this.#gates.get(host) ?? { gate: new Semaphore(limit), users: 0 }
    this.#gates.set(host, entry)
    entry.users++
    try {
      return await entry.gate.run(work, { signal })
    } finally {
      entry.users--
      if (entry.users === 0) this.#gates.delete(host)
    }
  }
}
