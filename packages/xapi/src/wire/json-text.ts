/**
 * JSON text of a wire value: `bigint` and non-finite numbers as bare tokens, as XAPI writes them, maps as objects, `undefined` members left out.
 * Lone surrogates are escaped, so the text is always valid UTF-8.
 */
export function writeJson(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value)
    case 'number':
    case 'bigint':
    case 'boolean':
      return String(value)
    case 'object':
      if (value === null) return 'null'
      if (Array.isArray(value)) return `[${value.map((item) => writeJson(item ?? null)).join(',')}]`
      return writeMembers(value instanceof Map ? value : Object.entries(value))
    case 'undefined':
      return 'null'
    case 'function':
    case 'symbol':
      throw new TypeError(`No JSON for a ${typeof value}`)
  }
}

function writeMembers(entries: Iterable<readonly [unknown, unknown]>): string {
  const members: string[] = []
  for (const [key, value] of entries) {
    if (value !== undefined) members.push(`${JSON.stringify(String(key))}:${writeJson(value)}`)
  }
  return `{${members.join(',')}}`
}
