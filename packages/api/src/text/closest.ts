/** The one of `candidates` that `text` was probably meant to be, if any is near. */
export function closest(text: string, candidates: Iterable<string>): string | undefined {
  const wanted = text.slice(0, 64).toLowerCase()
  let best: string | undefined
  // A third of the letters may be wrong.
  let least = Math.floor(Math.max(wanted.length, 3) / 3) + 1
  for (const candidate of candidates) {
    const name = candidate.slice(0, 64).toLowerCase()
    const away = name.startsWith(wanted) && wanted.length > 2 ? 1 : distance(wanted, name)
    if (away < least) [best, least] = [candidate, away]
  }
  return best
}

/** Letters to insert, delete, replace or swap with the next one (optimal string alignment). */
export function distance(a: string, b: string): number {
  let older: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const current = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      current.push(
        Math.min(
          (previous[j] ?? 0) + 1,
          (current[j - 1] ?? 0) + 1,
          (previous[j - 1] ?? 0) + (same ? 0 : 1),
          swapped ? (older[j - 2] ?? 0) + 1 : Infinity,
        ),
      )
    }
    older = previous
    previous = current
  }
  return previous[b.length] ?? 0
}
