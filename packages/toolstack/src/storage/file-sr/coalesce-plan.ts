import type { Image } from './image.ts'

/** One thing that makes the tree of an SR smaller without changing what any disk reads. */
export type CoalesceStep =
  /** Nobody stands on it and it is no disk. */
  | { readonly kind: 'delete'; readonly image: Image }
  /** Its data goes into its parent, which nothing else stands on; its children move to the parent. */
  | { readonly kind: 'merge'; readonly image: Image; readonly parent: Image }
  /** A disk that is alone on its parent becomes one with it. */
  | { readonly kind: 'leaf'; readonly image: Image; readonly parent: Image }

/** What may be merged: of disks, `leaf` says so. */
export interface CoalescePolicy {
  /** `false` leaves the tree as it is but for images that nobody needs. */
  readonly coalesce: boolean
  leaf(uuid: string): boolean
}

/** The next step, if there is one: what frees most for least comes first. */
export function planCoalesce(images: Iterable<Image>, policy: CoalescePolicy): CoalesceStep | undefined {
  let merge: CoalesceStep | undefined
  let leaf: CoalesceStep | undefined
  for (const image of images) {
    const { parent, hidden, children } = image
    if (hidden && children.size === 0 && !image.inUse) return { kind: 'delete', image }
    if (!policy.coalesce || !parent?.hidden || parent.children.size !== 1 || inLoop(image)) continue
    if (hidden && children.size > 0) merge ??= { kind: 'merge', image, parent }
    if (!hidden && children.size === 0 && policy.leaf(image.uuid)) leaf ??= { kind: 'leaf', image, parent }
  }
  return merge ?? leaf
}

function inLoop(image: Image): boolean {
  const seen = new Set<Image>()
  for (let at: Image | undefined = image; at; at = at.parent) {
    if (seen.has(at)) return true
    seen.add(at)
  }
  return false
}
