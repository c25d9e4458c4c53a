import { AlertStore } from '../alerts/alert-store.ts'
import { Alerts } from '../alerts/alerts.ts'
import { factSource } from '../alerts/facts.ts'
import { publicUrlOf } from '../http/addresses.ts'
import type { Jobs } from '../jobs/jobs.ts'
import type { Base } from './base.ts'
import type { JobRooms } from './jobs.ts'

/** Rules that are looked at, and whom they tell. */
export async function openAlerts(
  { db, clock, log, config, parts }: Base,
  jobs: Jobs,
  rooms: JobRooms,
): Promise<Alerts> {
  const { live, stores, messages } = rooms
  const { inventory, connections, alarms, providerPorts } = live
  const { channels, notifier } = messages
  const served = () => alarms.certificate
  const facts = factSource({ inventory, connections, jobs, served, providerPorts, clock })
  const ports = {
    store: new AlertStore(db),
    inventory,
    repositories: stores.repositories,
    facts,
    channels,
    notifier,
    clock,
    log,
  }
  const alerts = parts.use(new Alerts({ ...ports, url: () => publicUrlOf(config.values) }))
  await alerts.start()
  messages.addUsers(async (channel) => await Promise.resolve(alerts.usersOf(channel)))
  return alerts
}
