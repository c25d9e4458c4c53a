import { XapiError } from '@nixen/xapi'
import { introduceUpdate, patchOf } from '../classes/pool-update.ts'
import { destroyVdi } from '../classes/vdi-disks.ts'
import type { Pool } from '../pool/pool.ts'
import type { HttpHandler } from '../wire/http-exchange.ts'
import { hostSeeing, targetSr } from './objects.ts'
import { importDisk } from './raw-vdi-import.ts'
import { streamHandler, unknownLength, type Transfer } from './stream-handler.ts'

/** PUT /pool_patch_upload: takes an update, as an ISO image, from clients that know of patches only. The result is the patch. */
export function uploadPoolPatch(pool: Pool): HttpHandler {
  return streamHandler(pool, {
    action: 'put_pool_patch_upload',
    label: 'Uploading update',
    hostFor: (at, { query, host }) => hostSeeing(at.db, [targetSr(at, query)], host),
    work: upload,
  })
}

async function upload(transfer: Transfer): Promise<string> {
  const { pool, query, exchange, call } = transfer
  const sr = targetSr(pool, query)
  const size = Number(exchange.request.headers['content-length'])
  if (!(size > 0 && size < unknownLength))
    throw new XapiError('IMPORT_ERROR', ['The length of an update must be known'])
  const vdi = await importDisk(transfer, { sr, size, name: 'Update' })
  try {
    const patch = patchOf(call, await introduceUpdate(call, vdi))
    return `<value>${patch ?? ''}</value>`
  } catch (error) {
    // What is no update is of no use to anybody.
    await destroyVdi(call, vdi)
    throw error
  }
}
