import { createHash } from 'node:crypto'
import { sql, type Kysely } from 'kysely'
import { migrations } from './migrations.ts'
import type { Db, Tables } from './tables.ts'

/** Rows that are written with one statement: SQLite takes 32,766 parameters, the widest table has 17 columns. */
const batch = 100

type TableName = keyof Tables
type Row = Readonly<Record<string, unknown>>

/** What a table holds: how many rows, and a sum of their hashes, which the order of the rows does not change. */
export interface TableDigest {
  readonly rows: number
  readonly sum: bigint
}

/** Tables of the newest schema in the order in which they were made: one that refers to another comes after it. */
export const tableNames: readonly TableName[] = migrations
  .flatMap(({ statements }) => statements)
  .flatMap((statement) => /^CREATE TABLE (\w+)/.exec(statement)?.[1] ?? [])
  // The types of the tables follow the migrations.
  .map((name) => name as TableName)

/** The first table that has a row. */
export async function firstWithRows(db: Db): Promise<TableName | undefined> {
  for (const name of tableNames) {
    const { rows } = await sql`SELECT 1 FROM ${sql.table(name)} LIMIT 1`.execute(db)
    if (rows.length > 0) return name
  }
  return undefined
}

/** Copies all rows of a table as they are. */
export async function copyTable(from: Db, to: Db, name: TableName): Promise<TableDigest> {
  let digest: TableDigest = { rows: 0, sum: 0n }
  let waiting: Row[] = []
  // One table is as good as another here: rows are not looked into.
  const target = to as unknown as Kysely<Record<TableName, Row>>
  const write = async (): Promise<void> => {
    if (waiting.length > 0) await target.insertInto(name).values(waiting).execute()
    waiting = []
  }
  for await (const row of from.selectFrom(name).selectAll().stream()) {
    digest = add(digest, row)
    waiting.push(row)
    if (waiting.length === batch) await write()
  }
  await write()
  return digest
}

/** What a table holds now. */
export async function digestOf(db: Db, name: TableName): Promise<TableDigest> {
  const rows = await db.selectFrom(name).selectAll().execute()
  return rows.reduce<TableDigest>((digest, row) => add(digest, row), { rows: 0, sum: 0n })
}

function add({ rows, sum }: TableDigest, row: Row): TableDigest {
  const text = JSON.stringify(Object.entries(row).toSorted(([a], [b]) => (a < b ? -1 : 1)))
  const hash = createHash('sha256').update(text).digest().readBigUInt64BE()
  return { rows: rows + 1, sum: BigInt.asUintN(64, sum + hash) }
}
