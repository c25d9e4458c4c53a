import { fault } from '../errors.ts'
import type { ClassName, Ref, Rows } from '../generated/rows.ts'
import type { ClassModel, FieldModel, Model } from '../model/model.ts'
import { ChangeLog, type Tombstone } from './change-log.ts'
import { isNull, nullRef, randomUuids, type UuidSource } from './ref.ts'
import { MutableRow, sameValue, type Row } from './row.ts'
import { noStore, type RowStore, type StoredRow } from './row-store.ts'
import { Table, uuidOf } from './table.ts'

/** Generations between two processes: more than one goes through without keeping anything, and room for two million restarts. */
const restartStride = 2 ** 32

/** Told of every change, to keep derived fields (`allowed_operations`) true. */
export interface DerivedFields {
  /** `fields` changed; `undefined` for a new row. Must only take note. */
  changed(row: Row, fields: readonly string[] | undefined): void
  deleted(row: Row): void
  /** Works out what the noted changes make of derived fields. */
  settle(): void
}

export interface DatabaseOptions {
  readonly model: Model
  readonly store?: RowStore
  readonly uuids?: UuidSource
}

/**
 * The inventory: rows in memory, which every read uses, with a store behind them. {@link insert}, {@link update} and {@link remove} are the only
 * ways to change anything; both sides of relations, derived fields, events and persistence follow from them.
 */
export class Database {
  readonly model: Model
  readonly #tables: ReadonlyMap<string, Table>
  readonly #rows = new Map<string, MutableRow>()
  readonly #log = new ChangeLog()
  #store: RowStore
  readonly #dirty = new Set<MutableRow>()
  readonly #removed = new Set<string>()
  readonly #listeners = new Set<() => void>()
  readonly #notes: Map<string, string>
  readonly #changedNotes = new Map<string, string | undefined>()
  #uuids: UuidSource
  #generation = 0
  #derived: DerivedFields | undefined

  constructor({ model, store = noStore, uuids = randomUuids }: DatabaseOptions) {
    this.model = model
    this.#store = store
    this.#uuids = uuids
    this.#notes = new Map(store.notes())
    this.#tables = new Map([...model.classes.values()].map((cls) => [cls.name, new Table(cls)]))
  }

  /** Number of the last change. */
  get generation(): number {
    return this.#generation
  }

  /** Sets who keeps derived fields. */
  deriveWith(derived: DerivedFields): void {
    this.#derived = derived
  }

  /** Where the UUIDs of new objects come from. */
  useUuids(uuids: UuidSource): void {
    this.#uuids = uuids
  }

  newUuid(): string {
    return this.#uuids()
  }

  /** The fields of an object; `HANDLE_INVALID` when there is none. */
  get<C extends ClassName>(cls: C, ref: Ref<C>): Readonly<Rows[C]> {
    return this.row(cls, ref).values
  }

  /** The fields of an object, if it exists. */
  find<C extends ClassName>(cls: C, ref: Ref<C>): Readonly<Rows[C]> | undefined {
    // A table holds rows of its class only.
    return this.table(cls).rows.get(ref)?.values as Readonly<Rows[C]> | undefined
  }

  /** An object; `HANDLE_INVALID` when there is none. */
  row<C extends ClassName>(cls: C, ref: Ref<C>): Row<C> {
    const row = this.table(cls).rows.get(ref)
    if (!row) throw fault('HANDLE_INVALID', cls, ref)
    // A table holds rows of its class only.
    return row as unknown as Row<C>
  }

  /** An object of whatever class. */
  anyRow(ref: string): Row | undefined {
    return this.#rows.get(ref) as unknown as Row | undefined
  }

  /** All objects of a class, in the order they came to be. */
  rows<C extends ClassName>(cls: C): Iterable<Row<C>> {
    // A table holds rows of its class only.
    return this.table(cls).rows.values() as unknown as Iterable<Row<C>>
  }

  count(cls: ClassName): number {
    return this.table(cls).rows.size
  }

  /** The object with that UUID; `UUID_INVALID` when there is none. */
  byUuid<C extends ClassName>(cls: C, uuid: string): Ref<C> {
    const ref = this.findUuid(cls, uuid)
    if (ref === undefined) throw fault('UUID_INVALID', cls, uuid)
    return ref
  }

  findUuid<C extends ClassName>(cls: C, uuid: string): Ref<C> | undefined {
    // A table holds rows of its class only.
    return this.table(cls).byUuid.get(uuid.toLowerCase())?.ref as Ref<C> | undefined
  }

  /** Adds an object. Fields left out get their defaults; `uuid` is made unless given. */
  insert<C extends ClassName>(cls: C, values: Partial<Rows[C]>, options: { ref?: string } = {}): Ref<C> {
    const table = this.table(cls)
    const all = table.newValues()
    const given: Readonly<Record<string, unknown>> = values
    // The brand says which table the row is in, and it goes into that one.
    const ref = (options.ref ?? `OpaqueRef:${this.#uuids()}`) as Ref<C>
    const row = new MutableRow(table.cls, ref, all, ++this.#generation)
    for (const [name, value] of Object.entries(given)) {
      if (value !== undefined && !isComputed(this.#field(table.cls, name))) all[name] = value
    }
    if (table.cls.field.has('uuid') && all['uuid'] === '') all['uuid'] = this.#uuids()
    table.add(row)
    this.#rows.set(row.ref, row)
    for (const field of table.cls.fields) if (field.relation) this.#link(row, field, given[field.name])
    this.#touched(row, undefined)
    return ref
  }

  /** Changes fields of an object; values that stay the same change nothing. `HANDLE_INVALID` when there is no such object. */
  update<C extends ClassName>(ref: Ref<C>, patch: Partial<Rows[C]>): void {
    const row = this.#rows.get(ref)
    if (!row) throw fault('HANDLE_INVALID', 'object', ref)
    const changed: string[] = []
    for (const [name, value] of Object.entries<unknown>(patch)) {
      if (value === undefined) continue
      const field = this.#field(row.cls, name)
      if (isComputed(field)) this.#setMembers(row, field, value)
      else if (this.#setField(row, field, value)) changed.push(name)
    }
    if (changed.length > 0) this.#touched(row, changed)
  }

  /** Makes subscribers see an object again although nothing changed, as `event.inject` does. */
  touch(ref: string): void {
    const row = this.#rows.get(ref)
    if (row) this.#touched(row, [])
  }

  /** Removes an object. References to it in relations become null. */
  remove(ref: Ref): void {
    const row = this.#rows.get(ref)
    if (!row) return
    for (const field of row.cls.fields) if (field.relation) this.#unlink(row, field)
    this.#rows.delete(ref)
    this.table(row.cls.name).remove(row)
    this.#generation++
    this.#log.deleted({ ref, lower: row.cls.lower, created: row.created, deleted: this.#generation })
    this.#dirty.delete(row)
    if (row.cls.persist) this.#removed.add(ref)
    this.#derived?.deleted(row as unknown as Row)
    this.#notify()
  }

  /** Rows that exist and changed after `generation`, each once. */
  *changedAfter(generation: number): Iterable<Row> {
    const rows = generation > 0 ? this.#log.rowsAfter(generation) : undefined
    for (const row of rows ?? this.#rows.values()) {
      // The log remembers rows that are gone. Rows differ from their mutable form only in what may be done with them.
      if (row.modified > generation && this.#rows.get(row.ref) === row) yield row as unknown as Row
    }
  }

  /** What was deleted after `generation`, as far as it is remembered. */
  deletedAfter(generation: number): readonly Tombstone[] {
    return this.#log.deletedAfter(generation)
  }

  /** Calls `listener` after every change, within the change: it must only take note. Returns how to stop it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Brings derived fields up to date. Called before anything is shown or kept. */
  settle(): void {
    this.#derived?.settle()
  }

  /** Makes all changes so far survive the process, in one transaction. */
  commit(): void {
    this.settle()
    if (this.#dirty.size === 0 && this.#removed.size === 0 && this.#changedNotes.size === 0) return
    this.#store.write({
      rows: this.#dirty,
      removed: this.#removed,
      generation: this.#generation,
      notes: this.#changedNotes,
    })
    this.#dirty.clear()
    this.#removed.clear()
    this.#changedNotes.clear()
  }

  /** As {@link commit}, and a power cut loses nothing either: before something elsewhere is changed for good. */
  commitForGood(): void {
    this.commit()
    this.#store.flush()
  }

  /** Drops what was changed since the last commit, but for objects that are never kept: what could not be written did not happen. */
  revert(): void {
    const passing = [...this.#rows.values()].filter(({ cls }) => !cls.persist)
    const kept = passing.map(({ ref, cls, created, modified, values }) => ({
      ref,
      cls: cls.name,
      created,
      modified,
      values,
    }))
    this.replace([...this.#store.read(), ...kept])
    this.#dirty.clear()
    this.#removed.clear()
    this.#changedNotes.clear()
    this.#notes.clear()
    for (const [key, text] of this.#store.notes()) this.#notes.set(key, text)
  }

  /** The keys of all texts beside the rows. */
  noteKeys(): readonly string[] {
    return [...this.#notes.keys()]
  }

  /** A text that is kept beside the rows: work that goes on after the next commit, perhaps in another process. */
  note(key: string): string | undefined {
    return this.#notes.get(key)
  }

  /** Sets a text beside the rows, or takes it away, with the next commit. */
  setNote(key: string, text: string | undefined): void {
    if (text === undefined) this.#notes.delete(key)
    else this.#notes.set(key, text)
    this.#changedNotes.set(key, text)
  }

  /** Reads the rows of the store into the empty database. */
  load(): void {
    this.#fill(this.#store.read())
    const kept = this.#store.generation()
    // An earlier process may have handed out tokens beyond what it kept. All that comes is after those.
    this.#generation = kept === 0 ? 0 : kept + restartStride
    if (kept > 0) this.#store.write({ rows: [], removed: [], generation: this.#generation })
    this.#log.reset(this.#generation)
  }

  /** Fills the empty database with rows from elsewhere, which the next commit keeps. */
  restore(rows: Iterable<StoredRow>): void {
    this.#fill(rows)
    for (const row of this.#rows.values()) {
      this.#generation = Math.max(this.#generation, row.modified)
      if (row.cls.persist) this.#dirty.add(row)
    }
    this.#log.reset(this.#generation)
  }

  /** The objects that survive a restart. */
  *keptRows(): Iterable<StoredRow> {
    for (const { ref, cls, created, modified, values } of this.#rows.values()) {
      if (cls.persist) yield { ref, cls: cls.name, created, modified, values }
    }
  }

  /** Puts other rows in the place of all there are, in one go: the next commit keeps them. */
  replace(rows: Iterable<StoredRow>): void {
    const before = new Map(this.#rows)
    for (const row of before.values()) this.#derived?.deleted(row as unknown as Row)
    this.#rows.clear()
    this.#dirty.clear()
    for (const table of this.#tables.values()) table.clear()
    // Generations go on, so that readers of events see what is new.
    const since = this.#generation
    this.#fill(rows)
    this.#log.reset(since)
    for (const row of this.#rows.values()) {
      row.modified = ++this.#generation
      this.#log.changed(row)
      if (row.cls.persist) this.#dirty.add(row)
    }
    for (const [ref, row] of before) {
      if (this.#rows.has(ref)) continue
      const deleted = ++this.#generation
      this.#log.deleted({ ref, lower: row.cls.lower, created: row.created, deleted })
      if (row.cls.persist) this.#removed.add(ref)
    }
    this.#notify()
  }

  /** The JSON text of a record is kept with its row; see `recordJson`. */
  table(cls: string): Table {
    const table = this.#tables.get(cls)
    if (!table) throw new TypeError(`No class ${cls} in the data model`)
    return table
  }

  /** Keeps what there is and closes the store. Whoever still holds the database may go on, and nothing is kept any more. */
  close(): void {
    this.commit()
    this.#store.close()
    this.#store = noStore
  }

  #fill(rows: Iterable<StoredRow>): void {
    for (const stored of rows) {
      const table = this.#tables.get(stored.cls)
      if (!table) continue
      const values = table.newValues()
      for (const [name, value] of Object.entries(stored.values)) if (table.cls.field.has(name)) values[name] = value
      // It was a reference of this class when it was written.
      const row = new MutableRow(table.cls, stored.ref as Ref, values, stored.created)
      row.modified = stored.modified
      table.add(row)
      this.#rows.set(row.ref, row)
    }
    this.#relink()
    if (this.#derived) for (const row of this.#rows.values()) this.#derived.changed(row as unknown as Row, undefined)
  }

  #field(cls: ClassModel, name: string): FieldModel {
    const field = cls.field.get(name)
    if (!field) throw new TypeError(`No field ${cls.name}.${name} in the data model`)
    return field
  }

  #setField(row: MutableRow, field: FieldModel, value: unknown): boolean {
    const before = row.values[field.name]
    if (sameValue(before, value)) return false
    const table = this.table(row.cls.name)
    if (field.name === 'uuid' && table.byUuid.get(uuidOf(row)) === row) table.byUuid.delete(uuidOf(row))
    if (field.relation) this.#unlink(row, field)
    row.values[field.name] = value
    if (field.relation) this.#link(row, field, value)
    if (field.name === 'uuid') table.byUuid.set(uuidOf(row), row)
    return true
  }

  /** Adds `row` to the computed set on the other side. */
  #link(row: MutableRow, field: FieldModel, value: unknown): void {
    const { relation } = field
    if (!relation) return
    if (relation.kind === 'peer') this.#setMembers(row, field, value)
    if (relation.kind !== 'one') return
    const other = this.#rows.get(String(row.values[field.name]))
    if (other?.cls.name !== relation.class) return
    membersOf(other, relation.field).add(row.ref)
    this.#touched(other, [relation.field])
  }

  /** Takes `row` out of the other side; refs that point at `row` become null. */
  #unlink(row: MutableRow, field: FieldModel): void {
    const { relation } = field
    if (!relation) return
    if (relation.kind === 'one') {
      const other = this.#rows.get(String(row.values[field.name]))
      if (other?.cls.name !== relation.class) return
      if (membersOf(other, relation.field).delete(row.ref)) this.#touched(other, [relation.field])
      return
    }
    for (const ref of membersOf(row, field.name)) {
      const other = this.#rows.get(ref)
      if (!other) continue
      if (relation.kind === 'peer') membersOf(other, relation.field).delete(row.ref)
      else other.values[relation.field] = nullRef
      this.#touched(other, [relation.field])
    }
    membersOf(row, field.name).clear()
  }

  /** Sets a relation of many to many; the computed side of one to many follows the refs and is never set. */
  #setMembers(row: MutableRow, field: FieldModel, value: unknown): void {
    const { relation } = field
    if (relation?.kind !== 'peer') throw new TypeError(`${row.cls.name}.${field.name} follows from ${relation?.class}`)
    if (value === undefined) return
    const members = membersOf(row, field.name)
    // Callers give any iterable of references.
    const wanted = new Set(value as Iterable<string>)
    let changed = false
    for (const ref of new Set([...members, ...wanted])) {
      const other = this.#rows.get(ref)
      if (wanted.has(ref) === members.has(ref) || other?.cls.name !== relation.class || isNull(ref)) continue
      const add = wanted.has(ref)
      if (add) members.add(ref)
      else members.delete(ref)
      if (add) membersOf(other, relation.field).add(row.ref)
      else membersOf(other, relation.field).delete(row.ref)
      this.#touched(other, [relation.field])
      changed = true
    }
    if (changed) this.#touched(row, [field.name])
  }

  /** Works out the computed sides of all relations after loading. */
  #relink(): void {
    for (const table of this.#tables.values()) {
      for (const field of table.cls.fields) {
        const { relation } = field
        if (!relation || relation.kind === 'many') continue
        for (const row of table.rows.values()) {
          const refs = relation.kind === 'one' ? [String(row.values[field.name])] : membersOf(row, field.name)
          for (const ref of refs) {
            const other = this.#rows.get(ref)
            if (other?.cls.name === relation.class) membersOf(other, relation.field).add(row.ref)
          }
        }
      }
    }
  }

  #touched(row: MutableRow, fields: readonly string[] | undefined): void {
    row.modified = ++this.#generation
    row.json = undefined
    this.#log.changed(row)
    if (row.cls.persist) this.#dirty.add(row)
    this.#derived?.changed(row as unknown as Row, fields)
    this.#notify()
  }

  #notify(): void {
    for (const listener of this.#listeners) listener()
  }
}

function isComputed(field: FieldModel): boolean {
  return field.relation !== undefined && field.relation.kind !== 'one'
}

function membersOf(row: MutableRow, field: string): Set<string> {
  // The computed side of a relation always holds a set; see Table.newValues.
  return row.values[field] as Set<string>
}
