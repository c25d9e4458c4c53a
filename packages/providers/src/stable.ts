/** Whether two plain JSON values are equal. */
export function equal(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, index) => equal(item, b[index]))
  }
  if (Array.isArray(b)) return false
  let count = 0
  for (const key in a) {
    // `key` is one of `a`'s own: plain data has no others.
    if (!Object.hasOwn(b, key) || !equal(a[key as never], b[key as never])) return false
    count++
  }
  for (const _ in b) count--
  return count === 0
}

/**
 * `next`, with each field that equals the old one's replaced by the old value, so that a change can be seen by identity; `old` itself
 * when nothing differs. Writes to `next`.
 */
export function stabilize<T extends object>(old: T | undefined, next: T): T {
  if (!old) return next
  let same = true
  for (const key in next) {
    if (Object.is(old[key], next[key])) continue
    if (equal(old[key], next[key])) next[key] = old[key]
    else same = false
  }
  if (!same) return next
  for (const key in old) if (!Object.hasOwn(next, key)) return next
  return old
}
