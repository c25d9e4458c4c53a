import { randomBytes } from 'node:crypto'
import { inventoryTypes, type Access, type InventoryType } from '@nixen/api'
import type { Clock } from '@nixen/core'
import type { Inventory } from './inventory.ts'
import { sharedTail, View, type ViewLimits } from './view.ts'

/** How long a view without clients is kept for one that comes back, milliseconds. */
const idle = 5 * 60_000
/** Views at once; the one that was not used for longest goes first. */
const most = 200

interface Kept {
  readonly view: View
  used: number
}

/** The views in use: one for all clients that may see the same. */
export class Views implements Disposable {
  readonly #inventory: Inventory
  readonly #clock: Clock
  readonly #limits: ViewLimits | undefined
  readonly #views = new Map<string, Kept>()
  readonly #stop: () => void

  constructor(inventory: Inventory, { clock, limits }: { clock: Clock; limits?: ViewLimits | undefined }) {
    this.#inventory = inventory
    this.#clock = clock
    this.#limits = limits
    this.#stop = inventory.subscribe((event) => {
      const shared = sharedTail(event)
      for (const { view } of this.#views.values()) view.take(event, shared)
    })
  }

  get count(): number {
    return this.#views.size
  }

  /** Makes every client of every view look again: somebody's permissions may have changed. */
  wake(): void {
    for (const { view } of this.#views.values()) view.wake()
  }

  /** The view of somebody's permissions on some types, all when left out. */
  of(access: Access, types: readonly string[] | undefined): View {
    const wanted = inventoryTypes.filter((type) => types === undefined || types.includes(type))
    const key = `${access.key} ${wanted.join()}`
    const now = this.#clock.monotonic()
    this.#forget(now)
    const kept = this.#views.get(key)
    if (kept) {
      kept.used = now
      return kept.view
    }
    const view = this.#make(access, new Set(wanted))
    this.#views.set(key, { view, used: now })
    return view
  }

  [Symbol.dispose](): void {
    this.#stop()
    this.#views.clear()
  }

  #make(access: Access, types: ReadonlySet<InventoryType>): View {
    // Random, so that a number of another run or view is never taken for one of this.
    const id = randomBytes(9).toString('base64url')
    return new View(id, { inventory: this.#inventory, access, types, limits: this.#limits })
  }

  #forget(now: number): void {
    for (const [key, kept] of this.#views) {
      if (kept.view.waiting > 0) kept.used = now
      else if (now - kept.used > idle || this.#views.size > most) this.#views.delete(key)
    }
  }
}
