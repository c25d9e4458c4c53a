import { addConsoleRoute } from '../features/console/upgrade.ts'
import { makeHandlers } from '../handlers.ts'
import { basePathOf } from '../http/addresses.ts'
import { addConsoleRoutes } from '../http/console-files.ts'
import { addPlainRoutes } from '../http/plain-routes.ts'
import { addRoutes } from '../http/routes.ts'
import { openAlerts } from './alerts.ts'
import type { Base } from './base.ts'
import { openExports } from './exports.ts'
import { openJobs, startScheduler } from './jobs.ts'
import { openLive, type Live } from './live.ts'
import { openMessages } from './messages.ts'
import { openPeople, type People } from './people.ts'
import { startProtection, startUpkeep } from './protection.ts'
import { openProof } from './proof.ts'
import { openStores } from './stores.ts'
import { openTransfers } from './transfers.ts'
import { openWork, type Work } from './work.ts'

/** The parts that the doors of the server need. */
export type Wired = Pick<Live, 'alarms'> & Pick<People, 'consoles'>

/**
 * Puts the parts together, area by area. The order is that of their ends, turned round: what runs in repositories is stopped before
 * them, and connections are closed last.
 */
export async function wire(base: Base): Promise<Wired> {
  const { app, db, clock, config, log, setUp, stopping, localSockets, options } = base
  const late: Partial<Work> = {}
  // A task that waits for a host that does not answer ends with its session: after connections.
  base.parts.defer(async () => await late.tasks?.idle())
  const live = openLive(base)
  const stores = await openStores(base)
  const work = await openWork(base, live)
  Object.assign(late, work)
  const transfers = await openTransfers(base)
  startUpkeep(base, { stores, work })
  const people = openPeople(base, live)
  const messages = await openMessages(base, live)
  const proof = openProof(base, stores)
  const rooms = { live, stores, proof, work, people, messages }
  const jobs = await openJobs(base, rooms)
  startProtection(base, jobs, rooms)
  startScheduler(base, jobs)
  const alerts = await openAlerts(base, jobs, rooms)

  const { version } = options
  const features = config.values['tls.mode'] === 'self-signed' ? ['tls-self-signed'] : []
  const shared = { db, clock, log, config, setUp, version, features, started: clock.now() }
  const handlers = makeHandlers({
    ...shared,
    ...live,
    ...stores,
    ...proof,
    ...(await openExports(base, stores)),
    ...work,
    ...transfers,
    ...people,
    ...messages,
    jobs,
    alerts,
  })
  const { authenticator, audit, consoles } = people
  const basePath = basePathOf(config.values)
  const publicUrl = config.values['server.public_url']
  addRoutes(app, { handlers, authenticator, audit, localSockets, log, basePath, publicUrl, stopping })
  addConsoleRoute(app, { consoles, authenticator, basePath, publicUrl })
  addPlainRoutes(app, { db, inventory: live.inventory, views: live.views, authenticator, version, basePath })
  addConsoleRoutes(app, { basePath })
  await live.connections.start()
  return { alarms: live.alarms, consoles }
}
