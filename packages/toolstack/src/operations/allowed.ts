import type { Database, DerivedFields } from '../db/database.ts'
import type { Row } from '../db/row.ts'
import type { ClassName, Ref } from '../generated/rows.ts'
import { operations } from './rules-data.ts'
import { problemOf, type OperatedClass } from './with-operation.ts'

/** The operations that may be listed, by class. */
function listedOperations(db: Database): Readonly<Record<OperatedClass, readonly string[]>> {
  const without = (name: string, hidden: readonly string[]): readonly string[] =>
    [...(db.model.enums.get(name) ?? [])].filter((op) => !hidden.includes(op))
  return {
    VM: without('vm_operations', operations.vm.neverListedInAllowedOperations),
    VDI: without('vdi_operations', operations.vdi.hiddenFromAllowedOperations),
    VBD: operations.vbd.all,
    VIF: operations.vif.all,
    SR: operations.sr.all,
    host: operations.host.all,
    pool: operations.pool.all,
  }
}

/** Changes of these fields alone can't change what is allowed. */
const irrelevant: ReadonlySet<string> = new Set([
  'allowed_operations',
  'name_label',
  'name_description',
  'tags',
  'last_updated',
  'memory_target',
  'physical_utilisation',
])

/** Keeps `allowed_operations` true: notes whose may have changed, and works them out before anything is shown. */
export class AllowedOperations implements DerivedFields {
  readonly #db: Database
  readonly #listed: Readonly<Record<OperatedClass, readonly string[]>>
  readonly #stale = new Set<string>()
  /** VM by its guest metrics, which do not name it. */
  readonly #vmOfGuest = new Map<string, Ref<'VM'>>()
  /** One array for each list, shared by all objects that have it. */
  readonly #lists = new Map<string, readonly string[]>()
  #cloneSuspended = false

  constructor(db: Database) {
    this.#db = db
    this.#listed = listedOperations(db)
  }

  changed(row: Row, fields: readonly string[] | undefined): void {
    if (fields && fields.every((field) => irrelevant.has(field))) return
    const name = row.cls.name
    if (name in this.#listed) this.#stale.add(row.ref)
    this.#markNeighbours(row, fields)
  }

  deleted(row: Row): void {
    this.#stale.delete(row.ref)
    if (row.cls.name === 'VM_guest_metrics') this.#vmOfGuest.delete(row.ref)
  }

  settle(): void {
    if (this.#stale.size === 0) return
    // Errors are made here only to see that there are any: their stacks would take most of the time.
    const before = Error.stackTraceLimit
    Error.stackTraceLimit = 0
    try {
      // Working out one object's list changes nothing that another one's depends on.
      for (const ref of this.#stale) {
        this.#stale.delete(ref)
        const row = this.#db.anyRow(ref)
        // Only objects of operated classes are marked.
        if (row) this.#db.update(row.ref as Ref<OperatedClass>, { allowed_operations: this.#allowed(row) as never })
      }
    } finally {
      Error.stackTraceLimit = before
    }
  }

  #allowed(row: Row): readonly string[] {
    const cls = row.cls.name as OperatedClass
    const allowed = this.#listed[cls].filter((op) => !problemOf(this.#db, cls, row.ref, { op, strict: true }))
    const key = allowed.join()
    const known = this.#lists.get(key)
    if (known) return known
    this.#lists.set(key, allowed)
    return allowed
  }

  #markNeighbours(row: Row, fields: readonly string[] | undefined): void {
    // Other classes have no bearing on operations.
    // oxlint-disable-next-line typescript/switch-exhaustiveness-check
    switch (row.cls.name as ClassName) {
      case 'VM': {
        const { values } = row as Row<'VM'>
        this.#vmOfGuest.set(values.guest_metrics, (row as Row<'VM'>).ref)
        if (!fields || fields.some((f) => f === 'power_state' || f === 'current_operations' || f === 'guest_metrics')) {
          this.#mark(values.VBDs)
          this.#mark(values.VIFs)
        }
        return
      }
      case 'VM_guest_metrics': {
        const ref = this.#vmOfGuest.get(row.ref)
        const vm = ref && this.#db.find('VM', ref)
        if (ref && vm) this.#mark([ref, ...vm.VBDs, ...vm.VIFs])
        return
      }
      case 'VBD': {
        const vdi = (row as Row<'VBD'>).values.VDI
        this.#mark([vdi])
        this.#mark(this.#db.find('VDI', vdi)?.VBDs ?? [])
        return
      }
      case 'VDI':
        for (const vbd of (row as Row<'VDI'>).values.VBDs) this.#mark([vbd, this.#db.get('VBD', vbd).VM])
        return
      case 'PBD': {
        const sr = (row as Row<'PBD'>).values.SR
        this.#mark([sr])
        if (!fields || fields.includes('currently_attached')) this.#mark(this.#db.find('SR', sr)?.VDIs ?? [])
        return
      }
      case 'host_metrics':
        for (const { ref, values } of this.#db.rows('host')) if (values.metrics === row.ref) this.#mark([ref])
        return
      case 'pool':
        this.#poolChanged(row as Row<'pool'>)
        return
      default:
    }
  }

  #poolChanged({ values }: Row<'pool'>): void {
    const cloneSuspended = values.other_config['allow_clone_suspended_vm'] === 'true'
    if (cloneSuspended === this.#cloneSuspended) return
    this.#cloneSuspended = cloneSuspended
    for (const { ref } of this.#db.rows('VM')) this.#stale.add(ref)
  }

  #mark(refs: Iterable<string>): void {
    for (const ref of refs) if (this.#db.anyRow(ref)) this.#stale.add(ref)
  }
}
