import type { Database } from '../db/database.ts'
import type { Ref } from '../generated/rows.ts'
import { isNull } from '../db/ref.ts'
import type { Pool } from '../pool/pool.ts'
import { namedObject } from '../streams/objects.ts'
import { authenticate } from '../wire/http-auth.ts'
import { sendParts, sendText, type HttpExchange, type HttpHandler } from '../wire/http-exchange.ts'
import type { Router } from '../wire/router.ts'
import { pickArchive, rowTimes } from './archives.ts'
import { fullJson, fullXml } from './full.ts'
import { hostSources, srSources, vmSources, type Measured } from './sources.ts'
import { updatesJson, updatesXml } from './updates.ts'

/** Adds the paths of measurements. */
export function addRrdRoutes(router: Router<HttpHandler>, pool: Pool): void {
  router.add('GET', '/rrd_updates', checked(pool, 'rrd_updates', updates))
  for (const path of ['/vm_rrd', '/vm_rrds']) router.add('GET', path, checked(pool, 'vm_rrd', vmRrd))
  for (const path of ['/host_rrd', '/host_rrds']) router.add('GET', path, checked(pool, 'host_rrd', hostRrd))
  router.add('GET', '/sr_rrd', checked(pool, 'sr_rrd', srRrd))
}

type Work = (pool: Pool, exchange: HttpExchange) => Promise<void> | void

function checked(pool: Pool, action: string, work: Work): HttpHandler {
  const minRole = pool.db.model.httpActions.find(({ name }) => name === action)?.minRole ?? 'read-only'
  return async (exchange) => {
    const identity = authenticate(pool, exchange, { permission: action, minRole })
    if (!identity) return
    try {
      await work(pool, exchange)
    } finally {
      identity.end()
    }
  }
}

function wantsJson({ query, request }: HttpExchange): boolean {
  return query.has('json') || (request.headers.accept ?? '').startsWith('application/json')
}

async function send(
  exchange: HttpExchange,
  parts: { json: () => Iterable<string>; xml: () => Iterable<string> },
): Promise<void> {
  const json = wantsJson(exchange)
  exchange.response.writeHead(200, { 'content-type': json ? 'application/json' : 'text/xml' })
  await sendParts(exchange.response, [...(json ? parts.json() : parts.xml())])
}

async function updates({ db, clock }: Pool, exchange: HttpExchange): Promise<void> {
  const { query, response, host } = exchange
  const given = Number(query.get('start') ?? Number.NaN)
  if (!Number.isFinite(given)) return sendText(response, 500, 'The parameter "start" is missing.')
  const now = Math.floor(clock.now() / 1000)
  const start = given < 0 ? now + given : given
  const interval = Number(query.get('interval') ?? 5)
  const archive = pickArchive({ start, interval: Number.isFinite(interval) ? interval : 5, now })
  const rows = {
    cf: query.get('cf') ?? 'AVERAGE',
    archive,
    times: rowTimes(archive, { start, now }),
    measured: measuredOn(db, host, query),
  }
  await send(exchange, { json: () => updatesJson(rows), xml: () => updatesXml(rows) })
}

/** What a request asks for, of what this host measures. */
function measuredOn(db: Database, host: Ref<'host'>, query: URLSearchParams): Measured[] {
  const only = query.get('vm_uuid')
  const sr = query.get('sr_uuid')
  const vms = [...db.get('host', host).resident_VMs].filter((vm) => {
    const { uuid, is_control_domain } = db.get('VM', vm)
    return only === null ? sr === null || is_control_domain : uuid === only
  })
  const found = sr === null ? undefined : db.findUuid('SR', sr)
  return [
    ...(query.get('host') === 'true' ? [hostSources(db, host)] : []),
    ...vms.map((vm) => vmSources(db, vm)),
    ...(found === undefined ? [] : [srSources(db, found)]),
  ]
}

/** A machine's measurements are on the host where it runs; those of one that does not run are on the master. */
async function vmRrd({ db, clock }: Pool, exchange: HttpExchange): Promise<void> {
  const { query, request, response, host } = exchange
  const vm = namedObject(db, 'VM', query.get('uuid') ?? query.get('ref'))
  const { resident_on } = db.get('VM', vm)
  if (!isNull(resident_on) && resident_on !== host) {
    const scheme = 'encrypted' in request.socket ? 'https' : 'http'
    const { address } = db.get('host', resident_on)
    const location = `${scheme}://${address}:${request.socket.localPort}${request.url ?? ''}`
    return sendText(response, 302, 'The VM runs on another host.', { location })
  }
  await sendFull(exchange, vmSources(db, vm), clock.now())
}

async function hostRrd({ db, clock }: Pool, exchange: HttpExchange): Promise<void> {
  await sendFull(exchange, hostSources(db, exchange.host), clock.now())
}

async function srRrd({ db, clock }: Pool, exchange: HttpExchange): Promise<void> {
  await sendFull(exchange, srSources(db, namedObject(db, 'SR', exchange.query.get('uuid'))), clock.now())
}

async function sendFull(exchange: HttpExchange, measured: Measured, nowMs: number): Promise<void> {
  const now = Math.floor(nowMs / 1000)
  await send(exchange, { json: () => fullJson(measured, now), xml: () => fullXml(measured, now) })
}
