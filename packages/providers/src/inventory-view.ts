import type { InventoryObjects, ResourceId, ResourceType } from '@nixen/api'
import { typeOfId } from '@nixen/api'
import type { InventoryChange, Member, ObjectChange } from './provider.ts'

type AnyObject = InventoryObjects[ResourceType]

/**
 * What readers of a connection have been told, over all its sessions. A later session tells everything again; of that only what differs
 * is passed on, and what it did not tell is removed.
 */
export class InventoryView {
  readonly #objects = new Map<ResourceId, AnyObject>()
  /** What the session under way has told, while it tells everything again. */
  #told: Set<ResourceId> | undefined
  #begun = false

  get(id: ResourceId): AnyObject | undefined {
    return this.#objects.get(id)
  }

  get size(): number {
    return this.#objects.size
  }

  /** What of a session's change is news. */
  *take(change: InventoryChange): Generator<InventoryChange, void> {
    switch (change.kind) {
      case 'reset':
        if (this.#begun) this.#told = new Set()
        else yield change
        this.#begun = true
        return
      case 'changes': {
        const changes = change.changes.filter((item) => this.#apply(item))
        if (changes.length > 0) yield { kind: 'changes', changes }
        return
      }
      case 'synced': {
        const gone = this.#sweep()
        if (gone.length > 0) yield { kind: 'changes', changes: gone }
        yield change
      }
    }
  }

  /** The members of the pool that answer in place of its first address. */
  members(): Member[] {
    const members: Member[] = []
    for (const object of this.#objects.values()) {
      // The type is in the id.
      if (typeOfId(object.id) !== 'host' || !('address' in object) || !object.address) continue
      members.push({ host: object.address, fingerprint: 'certificate' in object ? object.certificate : undefined })
    }
    return members
  }

  #apply(change: ObjectChange): boolean {
    if (change.kind === 'remove') return this.#objects.delete(change.id)
    this.#told?.add(change.id)
    if (this.#objects.get(change.id) === change.object) return false
    this.#objects.set(change.id, change.object)
    return true
  }

  #sweep(): ObjectChange[] {
    const told = this.#told
    this.#told = undefined
    if (!told) return []
    const gone = [...this.#objects.keys()].filter((id) => !told.has(id))
    for (const id of gone) this.#objects.delete(id)
    return gone.map((id) => ({ kind: 'remove', type: typeOfId(id), id }))
  }
}
