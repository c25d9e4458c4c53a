import type { Snapshot } from '@nixen/api'

/** A snapshot and those that were made after going back to it, or going on from it. */
export interface Branch {
  readonly snapshot: Snapshot
  readonly children: readonly Branch[]
}

/** Snapshots as they come from each other, the oldest first. One whose parent is gone begins a branch; circles are cut. */
export function snapshotTree(snapshots: readonly Snapshot[]): readonly Branch[] {
  const known = new Set<string>(snapshots.map(({ id }) => id))
  const sorted = snapshots.toSorted((a, b) => a.created - b.created)
  const childrenOf = Map.groupBy(sorted, ({ parent }) => (parent !== undefined && known.has(parent) ? parent : ''))
  const placed = new Set<string>()
  const grow = (snapshot: Snapshot): Branch => {
    placed.add(snapshot.id)
    const children = (childrenOf.get(snapshot.id) ?? []).filter(({ id }) => !placed.has(id)).map((child) => grow(child))
    return { snapshot, children }
  }
  const roots = (childrenOf.get('') ?? []).map((snapshot) => grow(snapshot))
  // Only what is in a circle has no way from a root.
  return [
    ...roots,
    ...sorted.filter(({ id }) => !placed.has(id)).flatMap((left) => (placed.has(left.id) ? [] : grow(left))),
  ]
}
