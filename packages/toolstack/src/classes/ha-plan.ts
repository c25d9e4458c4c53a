import type { Database } from '../db/database.ts'
import type { Ref } from '../generated/rows.ts'
import { poolRef } from '../pool/pool.ts'
import { hostMemory } from './host-memory.ts'
import { reachProblem } from './placement.ts'

/** Restart priorities that `ha_restart_priority` may have. */
export const restartPriorities: readonly string[] = ['', 'best-effort', 'restart']

/** Whether a machine must run whatever host fails. */
export function isProtected(db: Database, vm: Ref<'VM'>): boolean {
  const { ha_restart_priority, ha_always_run, is_a_template, is_control_domain } = db.get('VM', vm)
  return ha_restart_priority === 'restart' && ha_always_run && !is_a_template && !is_control_domain
}

/** Hosts that machines can be restarted on. */
function liveHosts(db: Database): Ref<'host'>[] {
  return [...db.rows('host')]
    .filter(({ values }) => values.enabled && db.find('host_metrics', values.metrics)?.live)
    .map(({ ref }) => ref)
}

/**
 * Where each protected machine would go when hosts fail: the largest first, each to the host with most room among those that see its disks and
 * networks. `undefined` when one finds no room.
 *
 * @param wanted machines to count as protected; those of the inventory when left out
 */
export function failoverPlan(
  db: Database,
  failed: ReadonlySet<Ref<'host'>>,
  wanted: readonly Ref<'VM'>[] = protectedVms(db),
): ReadonlyMap<Ref<'VM'>, Ref<'host'>> | undefined {
  const room = new Map(
    liveHosts(db)
      .filter((host) => !failed.has(host))
      .map((host) => [host, hostMemory(db, host).free]),
  )
  const homeless = wanted.filter((vm) => !room.has(db.get('VM', vm).resident_on))
  const plan = new Map<Ref<'VM'>, Ref<'host'>>()
  for (const vm of homeless.toSorted((a, b) => need(db, b) - need(db, a))) {
    const [best] = [...room]
      .filter(([host, free]) => free >= need(db, vm) && !reachProblem(db, vm, host))
      .toSorted(([, a], [, b]) => b - a)
    if (!best) return undefined
    plan.set(vm, best[0])
    room.set(best[0], best[1] - need(db, vm))
  }
  return plan
}

function need(db: Database, vm: Ref<'VM'>): number {
  return db.get('VM', vm).memory_dynamic_max
}

/** The machines that are protected now. */
export function protectedVms(db: Database): Ref<'VM'>[] {
  return [...db.rows('VM')].filter(({ ref }) => isProtected(db, ref)).map(({ ref }) => ref)
}

/** How many hosts may fail, whichever they are: those with most to move are taken first, as the worst case. */
export function mostFailures(db: Database, wanted: readonly Ref<'VM'>[] = protectedVms(db)): number {
  const load = (host: Ref<'host'>): number =>
    wanted.filter((vm) => db.get('VM', vm).resident_on === host).reduce((sum, vm) => sum + need(db, vm), 0)
  const weight = (host: Ref<'host'>): number => load(host) + hostMemory(db, host).free
  const worst = liveHosts(db).toSorted((a, b) => weight(b) - weight(a))
  let most = 0
  while (most + 1 < worst.length && failoverPlan(db, new Set(worst.slice(0, most + 1)), wanted)) most++
  return most
}

/** Writes what is planned for into the pool's record. */
export function updatePlan(db: Database): void {
  const pool = poolRef(db)
  const { ha_enabled, ha_host_failures_to_tolerate } = db.get('pool', pool)
  const most = ha_enabled ? mostFailures(db) : 0
  db.update(pool, {
    ha_plan_exists_for: Math.min(most, ha_host_failures_to_tolerate),
    ha_overcommitted: ha_enabled && ha_host_failures_to_tolerate > most,
  })
}
