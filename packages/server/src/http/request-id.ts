import { randomFillSync } from 'node:crypto'

/** Bytes of an id: as many as make 12 characters of base64url. */
const size = 9
/** Random bytes for ids to come: asking for them one by one costs more than the ids. */
const pool = Buffer.alloc(size * 256)
let used = pool.length

/** An id for a request, for logs, errors and the audit log: 12 characters, told apart from all others by chance. */
export function newRequestId(): string {
  if (used === pool.length) {
    randomFillSync(pool)
    used = 0
  }
  used += size
  return pool.toString('base64url', used - size, used)
}
