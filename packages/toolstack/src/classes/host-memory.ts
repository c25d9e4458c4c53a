import type { Database } from '../db/database.ts'
import type { Ref } from '../generated/rows.ts'

/** Bytes of a host: all of it, and what is left beside the host itself and its resident VMs. */
export function hostMemory(db: Database, host: Ref<'host'>): { total: number; free: number } {
  const { metrics, memory_overhead, resident_VMs } = db.get('host', host)
  const total = db.find('host_metrics', metrics)?.memory_total ?? 0
  let used = memory_overhead
  for (const vm of resident_VMs) {
    const { memory_target, memory_dynamic_max, memory_overhead: overhead } = db.get('VM', vm)
    used += (memory_target || memory_dynamic_max) + overhead
  }
  return { total, free: Math.max(0, total - used) }
}

/** Brings the free memory a host shows up to date. */
export function updateFreeMemory(db: Database, host: Ref<'host'>): void {
  const row = db.find('host', host)
  if (row) db.update(row.metrics, { memory_free: hostMemory(db, host).free })
}
