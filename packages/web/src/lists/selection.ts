/** Selects or leaves out one row. */
export function toggle(selected: ReadonlySet<string>, id: string): ReadonlySet<string> {
  const next = new Set(selected)
  if (!next.delete(id)) next.add(id)
  return next
}

/** Selects all rows between two, both included, beside those that are selected. */
export function extend(
  selected: ReadonlySet<string>,
  ids: readonly string[],
  { from, to }: { readonly from: string; readonly to: string },
): ReadonlySet<string> {
  const [a, b] = [ids.indexOf(from), ids.indexOf(to)]
  if (a < 0 || b < 0) return toggle(selected, to)
  return new Set([...selected, ...ids.slice(Math.min(a, b), Math.max(a, b) + 1)])
}

/** What is selected and still in the list: what went away or is filtered out is no target of an action. */
export function within<T extends { readonly id: string }>(
  selected: ReadonlySet<string>,
  items: readonly T[],
): readonly T[] {
  return selected.size === 0 ? [] : items.filter(({ id }) => selected.has(id))
}
