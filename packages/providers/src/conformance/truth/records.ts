import type { Records } from '@nixen/xapi'
import type { Fields } from './fields.ts'

/** The classes that the inventory is made of. */
export const classes = [
  'pool',
  'host',
  'host_metrics',
  'Certificate',
  'VM',
  'VM_metrics',
  'VM_guest_metrics',
  'VBD',
  'VIF',
  'VDI',
  'SR',
  'PBD',
  'SM',
  'PIF',
  'PIF_metrics',
  'network',
  'task',
  'message',
] as const
/** All records of a pool, by class and reference. */
export type Tables = { readonly [C in (typeof classes)[number]]: ReadonlyMap<string, Records[C]> }

/** The records of a pool, and the ids that the inventory gives them. */
export class PoolRecords {
  readonly tables: Tables
  readonly connection: string
  readonly pool: Records['pool']

  constructor(tables: Tables, connection: string) {
    this.tables = tables
    this.connection = connection
    const [pool] = tables.pool.values()
    if (!pool) throw new TypeError('A pool has a record of itself')
    this.pool = pool
  }

  id(type: string, record: { readonly uuid: string }): string {
    return `${type}.${this.connection}.${record.uuid}`
  }

  /** What most objects have. */
  common(
    type: string,
    record: { uuid: string; name_label: string; name_description: string; tags: readonly string[] },
  ): Fields {
    return {
      id: this.id(type, record),
      connection: this.connection,
      pool: this.id('pool', this.pool),
      name: record.name_label,
      description: record.name_description || undefined,
      tags: [...new Set(record.tags)].sort(),
    }
  }

  get<C extends keyof Tables>(name: C, ref: string | null): Records[C] | undefined {
    return ref === null ? undefined : this.tables[name].get(ref)
  }

  idOf(type: string, name: keyof Tables, ref: string | null): string | undefined {
    const record = this.get(name, ref)
    return record && this.id(type, record)
  }
}
