/** Reads fields of a record that was stored: what is missing or of another type is as if it had its usual value. */
export class NativeRecord {
  readonly #fields: Readonly<Record<string, unknown>>

  constructor(record: unknown) {
    this.#fields = isObject(record) ? record : {}
  }

  text(field: string, otherwise = ''): string {
    const value = this.#fields[field]
    return typeof value === 'string' ? value : otherwise
  }

  /** Also integers beyond 2^53, which are stored as text. */
  number(field: string, otherwise = 0): number {
    const value = this.#fields[field]
    const number = typeof value === 'string' && value !== '' ? Number(value) : value
    return typeof number === 'number' && Number.isFinite(number) ? number : otherwise
  }

  flag(field: string): boolean {
    return this.#fields[field] === true
  }

  /** Text by text. */
  map(field: string): Record<string, string> {
    const value = this.#fields[field]
    if (!isObject(value)) return {}
    return Object.fromEntries(
      Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
    )
  }

  texts(field: string): string[] {
    const value = this.#fields[field]
    return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
  }
}

/** The records of a stored list. */
export function nativeRecords(list: unknown): NativeRecord[] {
  return Array.isArray(list) ? list.map((record) => new NativeRecord(record)) : []
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
