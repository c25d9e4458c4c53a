/** A record as it goes over the wire. */
export type WireRecord = Record<string, unknown>

interface Row {
  record: WireRecord
  /** JSON text of `record`, kept until it changes: ten thousand VMs are served often. */
  json: string | undefined
  readonly created: number
  modified: number
}

interface Grave {
  readonly table: string
  readonly ref: string
  readonly created: number
  readonly deleted: number
}

/** Makes the JSON text of one event; late, so that a large answer is never in memory as a whole. */
type EventText = () => string

/** What `event.from` answers. */
export interface Batch {
  readonly events: readonly EventText[]
  readonly token: string
  readonly counts: Readonly<Record<string, number>>
}

// Deleted rows are remembered for a while only, as on a host.
const rememberedGraves = 100_000

/**
 * The tables of a pool with their generations, which is what `event.from` is made of: per object at most one event a batch, the record as it is
 * now, and nothing for what was made and removed since the token.
 */
export class ScriptedDatabase {
  readonly #tables = new Map<string, Map<string, Row>>()
  readonly #graves: Grave[] = []
  readonly #waiters = new Set<() => void>()
  #generation = 1

  /** Names of all tables, with their case. */
  get tables(): readonly string[] {
    return [...this.#tables.keys()]
  }

  /** Makes a table that has no rows yet. */
  table(name: string): Map<string, Row> {
    let rows = this.#tables.get(name)
    if (!rows) this.#tables.set(name, (rows = new Map()))
    return rows
  }

  insert(table: string, ref: string, record: WireRecord): string {
    const generation = ++this.#generation
    this.table(table).set(ref, { record, json: undefined, created: generation, modified: generation })
    this.#wake()
    return ref
  }

  /** Overwrites some fields; an empty patch is what `event.inject` does. */
  update(table: string, ref: string, patch: WireRecord): void {
    const row = this.table(table).get(ref)
    if (!row) throw new RangeError(`no ${table} ${ref}`)
    row.record = { ...row.record, ...patch }
    row.json = undefined
    row.modified = ++this.#generation
    this.#wake()
  }

  remove(table: string, ref: string): boolean {
    const row = this.table(table).get(ref)
    if (!row) return false
    this.table(table).delete(ref)
    this.#graves.push({ table, ref, created: row.created, deleted: ++this.#generation })
    if (this.#graves.length > rememberedGraves) this.#graves.shift()
    this.#wake()
    return true
  }

  get(table: string, ref: string): WireRecord | undefined {
    return this.#tables.get(table)?.get(ref)?.record
  }

  refs(table: string): string[] {
    return [...this.table(table).keys()]
  }

  count(table: string): number {
    return this.#tables.get(table)?.size ?? 0
  }

  /** All records of a table as parts of one JSON object. */
  *recordsText(table: string): Generator<string> {
    let first = true
    yield '{'
    for (const [ref, row] of this.table(table)) {
      yield `${first ? '' : ','}"${ref}":${textOf(row)}`
      first = false
    }
    yield '}'
  }

  /** The token of now. */
  get token(): string {
    return `${String(this.#generation).padStart(20, '0')},${'0'.repeat(20)}`
  }

  /** What changed since `token` (`''`: everything) in the classes that `wanted` lets through. */
  since(token: string, wanted: (table: string, ref: string) => boolean): Batch {
    const from = token === '' ? 0 : Number(token.slice(0, token.indexOf(',')))
    const adds: EventText[] = []
    const mods: EventText[] = []
    for (const [table, rows] of this.#tables) {
      for (const [ref, row] of rows) {
        if (row.modified <= from || !wanted(table, ref)) continue
        if (row.created > from) adds.push(() => eventText(table, ref, 'add', textOf(row)))
        else mods.push(() => eventText(table, ref, 'mod', textOf(row)))
      }
    }
    const dels = this.#graves
      .filter((grave) => grave.deleted > from && grave.created <= from && wanted(grave.table, grave.ref))
      .map((grave) => () => eventText(grave.table, grave.ref, 'del'))
    return { events: [...adds, ...mods, ...dels], token: this.token, counts: this.#counts() }
  }

  /** Resolves when anything changes, or after `ms`, or when `signal` fires; never rejects. */
  async changed(ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer)
        this.#waiters.delete(done)
        signal.removeEventListener('abort', done)
        resolve()
      }
      const timer = setTimeout(done, ms)
      this.#waiters.add(done)
      signal.addEventListener('abort', done, { once: true })
    })
  }

  #counts(): Record<string, number> {
    return Object.fromEntries([...this.#tables].map(([name, rows]) => [name.toLowerCase(), rows.size]))
  }

  #wake(): void {
    for (const wake of this.#waiters) wake()
  }
}

function textOf(row: Row): string {
  return (row.json ??= JSON.stringify(row.record))
}

function eventText(table: string, ref: string, operation: string, snapshot?: string): string {
  const head = `{"id":"1","timestamp":"0.0","class":"${table.toLowerCase()}","operation":"${operation}","ref":"${ref}"`
  return snapshot === undefined ? `${head}}` : `${head},"snapshot":${snapshot}}`
}
