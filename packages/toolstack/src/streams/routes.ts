import type { Pool } from '../pool/pool.ts'
import { sendText, type HttpHandler } from '../wire/http-exchange.ts'
import type { Router } from '../wire/router.ts'
import { addRrdRoutes } from '../rrd/handlers.ts'
import { consoleSnapshot } from './console/snapshot.ts'
import { dumpDatabase } from './database-dump.ts'
import { restoreDatabase } from './database-restore.ts'
import { uploadPoolPatch } from './pool-patch-upload.ts'
import { exportRawVdi } from './raw-vdi-export.ts'
import { importRawVdi } from './raw-vdi-import.ts'
import { exportMetadata, exportVm } from './vm-export.ts'
import { importMetadata, importVm } from './vm-import.ts'

/** Adds the paths by which data comes and goes. */
export function addStreamRoutes(router: Router<HttpHandler>, pool: Pool): void {
  router.add('GET', '/export_raw_vdi', exportRawVdi(pool))
  router.add('PUT', '/import_raw_vdi', importRawVdi(pool))
  addRrdRoutes(router, pool)
  router.add('GET', '/console', ({ response }) =>
    sendText(response, 426, 'Ask for a WebSocket, or use CONNECT.', { upgrade: 'websocket' }),
  )
  router.add('PUT', '/pool_patch_upload', uploadPoolPatch(pool))
  router.add('GET', '/vncsnapshot', consoleSnapshot(pool))
  router.add('GET', '/pool/xmldbdump', dumpDatabase(pool))
  router.add('PUT', '/pool/xmldbdump', restoreDatabase(pool))
  router.add('GET', '/export', exportVm(pool))
  router.add('PUT', '/import', importVm(pool))
  router.add('GET', '/export_metadata', exportMetadata(pool))
  router.add('PUT', '/import_metadata', importMetadata(pool))
}
