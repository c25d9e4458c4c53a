import type { Pool } from '../pool/pool.ts'
import type { HttpHandler } from '../wire/http-exchange.ts'
import type { Router } from '../wire/router.ts'
import { exportRawVdi } from './raw-vdi-export.ts'
import { importRawVdi } from './raw-vdi-import.ts'

/** Adds the paths by which data comes and goes. */
export function addStreamRoutes(router: Router<HttpHandler>, pool: Pool): void {
  router.add('GET', '/export_raw_vdi', exportRawVdi(pool))
  router.add('PUT', '/import_raw_vdi', importRawVdi(pool))
}
