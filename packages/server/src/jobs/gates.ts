import { Semaphore } from '@nixen/core'

/** So many places of something that only has few: a host, a storage. */
export interface Wanted {
  readonly key: string
  readonly places: number
  /** How many there are; the first who comes says it for all who come while somebody is in. */
  readonly limit: number
}

interface Gate {
  readonly places: Semaphore
  readonly limit: number
  /** Held while places are taken: two who each have half of what they need would wait for ever. */
  readonly turn: Semaphore
  users: number
}

/** Limits how much is done at a time on one host or storage, over all jobs. */
export class Gates {
  readonly #gates = new Map<string, Gate>()

  /**
   * Does the work when all places are free, which are taken in the order of `wants`: everybody has to name things in the same order. Who wants more
   * than there are gets all of them.
   */
  async run<T>(wants: readonly Wanted[], signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    using taken = new DisposableStack()
    for (const { key, places, limit } of wants) {
      const gate = taken.adopt(this.#enter(key, limit), () => this.#leave(key))
      using _turn = await gate.turn.acquire({ signal })
      for (let i = 0; i < Math.min(places, gate.limit); i++) taken.use(await gate.places.acquire({ signal }))
    }
    return await work()
  }

  #enter(key: string, limit: number): Gate {
    const gate = this.#gates.get(key) ?? { places: new Semaphore(limit), limit, turn: new Semaphore(1), users: 0 }
    this.#gates.set(key, gate)
    gate.users++
    return gate
  }

  #leave(key: string): void {
    const gate = this.#gates.get(key)
    if (gate && --gate.users === 0) this.#gates.delete(key)
  }
}
