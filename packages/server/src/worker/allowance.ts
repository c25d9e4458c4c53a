/**
 * Bytes per second that several operations may move together, each as many as the others. What one does not use the others do not get: the
 * limit is never exceeded, and nobody has to be asked for each piece.
 */
export class Allowance {
  #rate: number | undefined
  readonly #members = new Set<() => void>()

  /** @param rate bytes per second; no limit when left out */
  constructor(rate?: number) {
    this.#rate = rate
  }

  /** What each of those who joined may move now, bytes per second; `undefined` without a limit. */
  get share(): number | undefined {
    if (this.#rate === undefined) return undefined
    return Math.max(1, Math.floor(this.#rate / Math.max(1, this.#members.size)))
  }

  set(rate: number | undefined): void {
    this.#rate = rate
    this.#tell()
  }

  /** Calls `changed` whenever the share is another one, until the result is disposed. */
  join(changed: () => void): Disposable {
    this.#members.add(changed)
    this.#tell()
    return {
      [Symbol.dispose]: () => {
        this.#members.delete(changed)
        this.#tell()
      },
    }
  }

  #tell(): void {
    for (const changed of this.#members) changed()
  }
}

/** The least of several shares, bytes per second; `undefined`: no limit. */
export function leastShare(allowances: readonly Allowance[]): number | undefined {
  const shares = allowances.flatMap(({ share }) => share ?? [])
  return shares.length === 0 ? undefined : Math.min(...shares)
}
