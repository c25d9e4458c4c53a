import type { Pool } from '../pool/pool.ts'
import { addStreamRoutes } from '../streams/routes.ts'
import { sendText, type HttpHandler } from './http-exchange.ts'
import { jsonRpc, preflight, xmlRpc, type Caller } from './rpc-handlers.ts'
import { Router } from './router.ts'

/** The paths of a host. Paths of the data model without a handler answer 501. */
export function makeRouter(pool: Pool, caller: Caller): Router<HttpHandler> {
  const router = new Router<HttpHandler>()
  for (const { method, path, name } of pool.db.model.httpActions) {
    router.add(method, path, ({ response }) => sendText(response, 501, `${name} is not implemented by this toolstack.`))
  }
  addCalls(router, caller)
  router.add('GET', '/', ({ response }) => sendText(response, 200, 'This is a XAPI host. Call it at /jsonrpc or /.'))
  addStreamRoutes(router, pool)
  return router
}

/** The paths of a host whose agent is about to restart: calls, and nothing else. */
export function makeCallRouter(caller: Caller): Router<HttpHandler> {
  const router = new Router<HttpHandler>()
  for (const method of ['GET', 'PUT']) {
    router.add(method, '/', ({ response }) => sendText(response, 503, 'The host restarts.', { connection: 'close' }))
  }
  addCalls(router, caller)
  return router
}

function addCalls(router: Router<HttpHandler>, caller: Caller): void {
  const xml = xmlRpc(caller)
  const json = jsonRpc(caller)
  for (const path of ['/', '/RPC2', '/json']) router.add('POST', path, xml)
  router.add('POST', '/jsonrpc', json)
  for (const path of ['/', '/json', '/jsonrpc']) router.add('OPTIONS', path, preflight)
}
