import type { Lifecycle, Model } from './model.ts'

/** The oldest supported host, XCP-ng 8.2: API 2.15, xapi 1.249. */
const oldest = { codeName: 'stockholm', version: [1, 249] } as const

/** Answers what a host of a given age has. */
export class Releases {
  readonly #order: readonly (string | undefined)[]
  readonly #products: ReadonlyMap<string | undefined, string>

  constructor(model: Model) {
    this.#order = model.releases.map(({ codeName }) => codeName)
    this.#products = new Map(
      model.releases.map((release) => [
        release.codeName,
        `${release.product}, API ${release.apiMajor}.${release.apiMinor}`,
      ]),
    )
    if (!this.#order.includes(oldest.codeName)) throw new Error(`No release ${oldest.codeName}`)
  }

  /** Whether something of this lifecycle may be missing on a supported host. */
  maybeAbsent(lifecycle: Lifecycle, owner?: Lifecycle): boolean {
    if (lifecycle.state === 'removed' || lifecycle.state === 'unreleased') return true
    const first = firstRelease(lifecycle)
    // Where a class is newer than the oldest host, its records have what the class began with.
    return first === undefined || (this.#rank(first) > this.#floor && first !== (owner && firstRelease(owner)))
  }

  /** Whether it was removed before the oldest supported host. */
  gone(lifecycle: Lifecycle): boolean {
    const removed = lifecycle.transitions.find(([change]) => change === 'removed')
    return removed !== undefined && this.#rank(removed[1]) <= this.#floor
  }

  /** ` Since xapi 24.3.0.`; nothing for what was there from the beginning. */
  since(lifecycle: Lifecycle): string {
    const first = firstRelease(lifecycle)
    return first === undefined || first === 'rio' ? '' : ` Since ${this.#describe(first)}.`
  }

  /** ` @deprecated since …`, or nothing. */
  deprecated(lifecycle: Lifecycle): string {
    const end = lifecycle.transitions.findLast(([change]) => change === 'removed' || change === 'deprecated')
    if (!end || (lifecycle.state !== 'removed' && lifecycle.state !== 'deprecated')) return ''
    return ` @deprecated ${end[0] === 'removed' ? 'Removed' : 'Deprecated'} in ${this.#describe(end[1])}.`
  }

  #describe(release: string): string {
    return this.#products.get(release) ?? `xapi ${release}`
  }

  get #floor(): number {
    return this.#rank(oldest.codeName)
  }

  /** Code names in their order; versions of xapi (which came later) after those up to 8.2, or between when they are older than 1.249. */
  #rank(release: string): number {
    const named = this.#order.indexOf(release)
    if (named >= 0) return named
    const [major = 0, minor = 0] = release.split('.').map((part) => Number.parseInt(part, 10))
    if (Number.isNaN(major)) throw new Error(`Unknown release ${release}`)
    const [oldMajor, oldMinor] = oldest.version
    return major < oldMajor || (major === oldMajor && minor <= oldMinor) ? this.#floor : this.#order.length + major
  }
}

function firstRelease(lifecycle: Lifecycle): string | undefined {
  return lifecycle.transitions[0]?.[1]
}
