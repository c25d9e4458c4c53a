import { xapiErrors } from '../errors.ts'

/** A value of another form than its type; collects where it is while the containers around it are left. Internal to the codecs. */
export class Mismatch extends Error {
  readonly expected: string
  readonly got: string
  readonly #path: (string | number)[] = []

  constructor(expected: string, got: unknown, described?: string) {
    super(`expected ${expected}`)
    this.expected = expected
    this.got = described ?? describe(got)
  }

  /** Notes that the value is in member `key` of what is being read. Returns itself, to be thrown on. */
  in(key: string | number): this {
    this.#path.push(key)
    return this
  }

  /** `VM.start().other_config.x` */
  at(root: string): string {
    const parts = this.#path.toReversed().map((key) => (typeof key === 'number' ? `[${key}]` : `.${key}`))
    return root + parts.join('')
  }
}

/** Adds `key` to the path of a mismatch; anything else stays as it is. */
export function inside(error: unknown, key: string | number): unknown {
  return error instanceof Mismatch ? error.in(key) : error
}

/** Runs a decoder and turns a mismatch into `xapi.bad_answer`. */
export function decoding<T>(root: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof Mismatch)) throw error
    throw xapiErrors.bad_answer({ expected: error.expected, got: error.got, at: error.at(root) })
  }
}

/** Runs an encoder and turns a mismatch into `xapi.bad_value`. */
export function encoding<T>(root: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof Mismatch)) throw error
    throw xapiErrors.bad_value({ expected: error.expected, got: error.got, at: error.at(root) })
  }
}

/** Short enough for a sentence, and without what may be secret in a long value. */
export function describe(value: unknown): string {
  if (value === null) return 'null'
  if (value === undefined) return 'nothing'
  if (Array.isArray(value)) return `an array of ${value.length}`
  if (value instanceof Map) return `a map of ${value.size}`
  if (typeof value === 'object') return `an object of ${Object.keys(value).length} members`
  if (typeof value === 'string') return value.length > 60 ? `text of ${value.length} characters` : JSON.stringify(value)
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return String(value)
  return `a ${typeof value}`
}
