interface Range {
  readonly offset: number
  readonly length: number
}

/** Ascending, neighbours and overlaps joined, empty ones left out. */
export function mergeRanges(ranges: readonly Range[]): Range[] {
  const merged: { offset: number; length: number }[] = []
  for (const { offset, length } of ranges.toSorted((a, b) => a.offset - b.offset)) {
    if (length <= 0) continue
    const last = merged.at(-1)
    if (last && last.offset + last.length >= offset) last.length = Math.max(last.length, offset + length - last.offset)
    else merged.push({ offset, length })
  }
  return merged
}
