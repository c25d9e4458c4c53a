import { parseId, type QueryField } from '@nixen/api'

/** No more objects are looked at for completions, and no more different values are collected. */
const most = { objects: 20_000, values: 200 }

/** Values that a field has in a list, the most frequent first; ids as the names behind them. */
export function valuesOfField(
  field: QueryField,
  objects: readonly object[],
  nameOf: (id: string) => string | undefined,
): readonly string[] {
  const counts = new Map<string, number>()
  for (const object of objects.slice(0, most.objects)) {
    for (const found of [field.read(object, 0)].flat(2)) {
      if (typeof found !== 'string' || found === '') continue
      counts.set(found, (counts.get(found) ?? 0) + 1)
    }
  }
  const values = [...counts].sort(([, a], [, b]) => b - a).slice(0, most.values)
  return values.map(([text]) => (field.kind === 'id' ? (nameOf(text) ?? parseId(text)?.key ?? text) : text))
}
