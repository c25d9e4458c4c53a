import type { Call } from '../dispatch/call.ts'
import type { Ref } from '../generated/rows.ts'
import { updateFreeMemory } from './host-memory.ts'
import { afterReboot } from './pci.ts'

/** What the inventory shows when a host has started: it is live and enabled, sees its storage, and knows since when. */
export function hostStarted({ db, pool }: Pick<Call, 'db' | 'pool'>, host: Ref<'host'>): void {
  const { metrics, PBDs, other_config } = db.get('host', host)
  const now = pool.clock.now()
  if (db.find('host_metrics', metrics)) db.update(metrics, { live: true, last_updated: now })
  for (const pbd of PBDs) db.update(pbd, { currently_attached: true })
  afterReboot({ db }, host)
  // A real start takes longer than a second: who waits for another boot time sees one.
  const before = Number.parseInt(other_config['boot_time'] ?? '0', 10)
  const seconds = `${Math.max(Math.floor(now / 1000), before + 1)}.`
  db.update(host, { enabled: true, other_config: { ...other_config, boot_time: seconds, agent_start_time: seconds } })
  // What updates asked for has been done.
  db.update(host, { updates_requiring_reboot: [], pending_guidances: [] })
  updateFreeMemory(db, host)
}
