import type { Db } from '../db/tables.ts'

/** Settings that were made in the console. */
export async function readSettings(db: Db): Promise<ReadonlyMap<string, unknown>> {
  const rows = await db.selectFrom('settings').selectAll().execute()
  return new Map(rows.map(({ key, value_json: json }) => [key, JSON.parse(json) as unknown]))
}
