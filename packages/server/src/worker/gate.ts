import { repositoryErrors } from '@nixen/api'

/** Who wants in. */
export interface Visitor {
  /** What it does there, for the message to others. */
  readonly what: string
  /** Needs to be alone. */
  readonly exclusive?: boolean | undefined
  /** Name of the repository, for messages. */
  readonly name: string
  /** Milliseconds to wait at the most. */
  readonly patience: number
  readonly signal?: AbortSignal | undefined
}

/**
 * Who works in a repository from here: many at a time, or one alone. Who needs it alone waits until nobody is in, and does not keep others out meanwhile:
 * a restore is worth more than a prune.
 */
export class Gate {
  readonly #inside = new Set<Visitor>()
  readonly #waiting = new Map<Visitor, () => void>()

  /** What goes on in it. */
  get inside(): readonly string[] {
    return [...this.#inside].map(({ what }) => what)
  }

  /** @throws repository.busy when it waited as long as it would; the signal's reason */
  async enter(visitor: Visitor): Promise<Disposable> {
    visitor.signal?.throwIfAborted()
    if (this.#mayEnter(visitor)) this.#inside.add(visitor)
    else await this.#wait(visitor)
    return {
      [Symbol.dispose]: () => {
        this.#inside.delete(visitor)
        this.#letIn()
      },
    }
  }

  #mayEnter({ exclusive }: Visitor): boolean {
    return exclusive === true ? this.#inside.size === 0 : ![...this.#inside].some((other) => other.exclusive)
  }

  async #wait(visitor: Visitor): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const { name, patience, signal } = visitor
    const giveUp = (reason: unknown): void => {
      // Once it was let in it is in.
      if (this.#waiting.delete(visitor)) reject(reason)
    }
    const tooLong = (): void => giveUp(repositoryErrors.busy({ name, what: this.inside.join(', ') }))
    const timer = setTimeout(tooLong, Math.min(patience, 2 ** 31 - 1))
    const onAbort = (): void => giveUp(signal?.reason)
    signal?.addEventListener('abort', onAbort, { once: true })
    this.#waiting.set(visitor, resolve)
    try {
      await promise
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
    }
  }

  /** In the order in which they came, all who may; they are in before anybody else can ask. */
  #letIn(): void {
    for (const [visitor, enter] of this.#waiting) {
      if (!this.#mayEnter(visitor)) continue
      this.#waiting.delete(visitor)
      this.#inside.add(visitor)
      enter()
    }
  }
}
