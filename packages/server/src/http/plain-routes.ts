import { authErrors } from '@nixen/api'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Authenticator } from '../auth/authenticator.ts'
import type { Principal } from '../auth/principal.ts'
import type { Db } from '../db/tables.ts'
import type { Inventory } from '../inventory/inventory.ts'
import type { Views } from '../inventory/views.ts'
import { collectMetrics } from '../metrics/collect.ts'
import { writeMetrics } from '../metrics/text.ts'
import { readCookie, sessionCookie } from './cookies.ts'
import { checkHealth } from './health.ts'

export interface PlainRouteOptions {
  readonly db: Db
  readonly inventory: Inventory
  readonly views: Views
  readonly authenticator: Authenticator
  readonly version: string
  readonly basePath: string
}

/** What other programs look for outside of the API: `/healthz` for a supervisor, `/metrics` for Prometheus. */
export function addPlainRoutes(app: FastifyInstance, options: PlainRouteOptions): void {
  const { basePath, authenticator, inventory, views, version } = options
  app.get(`${basePath}healthz`, async (_request, reply) => {
    const { status } = await checkHealth(options)
    return await reply
      .status(status === 'failing' ? 503 : 200)
      .type('text/plain')
      .send(`${status}\n`)
  })
  app.get(`${basePath}metrics`, async (request, reply) => {
    const { access } = await reader(request, authenticator)
    const text = writeMetrics(collectMetrics({ inventory, views, version, access }))
    return await reply.type('text/plain; version=0.0.4; charset=utf-8').send(text)
  })
}

/** An API token as `bearer_token` of Prometheus, or a session. */
async function reader({ headers }: FastifyRequest, authenticator: Authenticator): Promise<Principal> {
  const token = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1]
  if (token !== undefined) return await authenticator.byToken(token)
  const secret = readCookie(headers.cookie, sessionCookie)
  if (secret === undefined || secret === '') throw authErrors.required()
  return await authenticator.bySession(secret)
}
