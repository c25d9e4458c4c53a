import type { Database } from '../db/database.ts'
import { poolRef } from '../pool/pool.ts'

/** Brings what a pool says of its processors up to date with its hosts. */
export function updatePoolCpus(db: Database): void {
  const pool = poolRef(db)
  const sum = (key: string): string =>
    String([...db.rows('host')].reduce((total, { values }) => total + Number(values.cpu_info[key] ?? 0), 0))
  const { cpu_info } = db.get('pool', pool)
  db.update(pool, {
    cpu_info: {
      ...cpu_info,
      cpu_count: sum('cpu_count'),
      ...('socket_count' in cpu_info ? { socket_count: sum('socket_count') } : {}),
    },
  })
}
