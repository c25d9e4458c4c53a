import { AuditEntry } from '../audit/audit.ts'
import { inventorySchemas } from '../inventory/inventory.ts'
import { Point } from '../point/point.ts'
import { Repository } from '../repository/repository.ts'
import { User } from '../user/user.ts'
import { fieldTable, type FieldTable } from './field-table.ts'

const schemas = { ...inventorySchemas, user: User, audit: AuditEntry, repository: Repository, point: Point } as const

/** The types of objects that can be queried. */
export type QueryType = keyof typeof schemas
// `Object.keys` of a constant has its keys.
export const queryTypes = Object.keys(schemas) as readonly QueryType[]

const made = new Map<QueryType, FieldTable>()

/** The table of fields of a type; derived once. */
export function queryTable(type: QueryType): FieldTable {
  const known = made.get(type)
  if (known) return known
  const table = fieldTable(type, schemas[type])
  made.set(type, table)
  return table
}
