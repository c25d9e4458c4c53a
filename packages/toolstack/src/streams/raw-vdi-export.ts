import { alignDown } from '@nixen/core'
import { formatNamed, type ChangeToken, type DiskSource, type EncodedStream } from '@nixen/disk'
import { XapiError } from '@nixen/xapi'
import { fault } from '../errors.ts'
import type { Ref } from '../generated/rows.ts'
import type { Pool } from '../pool/pool.ts'
import { attachToDom0 } from '../storage/dom0-attachment.ts'
import type { VdiPlace } from '../storage/storage-port.ts'
import type { HttpHandler } from '../wire/http-exchange.ts'
import { hostSeeing, namedObject } from './objects.ts'
import { sendBytes, startDownload, streamHandler, type Transfer } from './stream-handler.ts'
import { encodeVdiTar } from './vdi-tar.ts'

const largestVhd = 2040 * 1024 ** 3

/** GET /export_raw_vdi: the content of a disk, or with `base` what differs from another one, as raw, vhd, qcow2 or tar. */
export function exportRawVdi(pool: Pool): HttpHandler {
  return streamHandler(pool, {
    action: 'get_export_raw_vdi',
    label: 'Exporting raw VDI',
    hostFor: ({ db }, { query, host }) => {
      const { SR } = db.get('VDI', namedObject(db, 'VDI', query.get('vdi')))
      return hostSeeing(db, [SR], host)
    },
    work: exportVdi,
  })
}

async function exportVdi(transfer: Transfer): Promise<string> {
  const { query, exchange, pool, signal } = transfer
  const { db } = pool
  const format = query.get('format') ?? 'raw'
  if (!['raw', 'vhd', 'qcow2', 'tar'].includes(format)) throw new XapiError('NOT_FOUND', [`Unknown format ${format}`])
  const vdi = namedObject(db, 'VDI', query.get('vdi'))
  const { uuid, type, virtual_size } = db.get('VDI', vdi)
  if (type === 'cbt_metadata') throw fault('VDI_INCOMPATIBLE_TYPE', vdi, type)
  if (format === 'vhd' && virtual_size > largestVhd) throw fault('VDI_TOO_LARGE', vdi, String(largestVhd))
  const base = query.get('base')
  const since = base === null || base === '' ? undefined : namedObject(db, 'VDI', base)
  using _attached = attachToDom0(db, vdi, { host: exchange.host, mode: 'RO' })
  await using disk = await pool.storage.open(placeOf(pool, vdi))
  const source = withProgress(disk, transfer)
  const encoded = await encode(source, { transfer, format, uuid, since: since && db.get('VDI', since).uuid })
  startDownload(transfer, { type: 'application/octet-stream', length: encoded.length, name: `${uuid}.${format}` })
  await sendBytes(transfer, encoded.bytes)
  signal.throwIfAborted()
  return ''
}

interface Encoding {
  readonly transfer: Transfer
  readonly format: string
  readonly uuid: string
  /** UUID of the disk to compare with. */
  readonly since: string | undefined
}

async function encode(source: DiskSource, { transfer, format, uuid, since }: Encoding): Promise<EncodedStream> {
  const { signal } = transfer
  if (format === 'tar') return { bytes: encodeVdiTar(source, { signal }) }
  const encoder = formatNamed(format)?.encode
  if (!encoder) throw new XapiError('NOT_FOUND', [`Unknown format ${format}`])
  if (format === 'raw') return await encoder(source, { signal })
  // The storage takes the UUID of a disk for the token of its content.
  const changes = since === undefined ? {} : { since: since as ChangeToken }
  if (format === 'qcow2') return await encoder(source, { signal, ...changes })
  const settings = {
    uuid: uuid.replaceAll('-', ''),
    ...(since === undefined
      ? {}
      : { subformat: 'differencing', parentName: `${since}.vhd`, parentUuid: since.replaceAll('-', '') }),
  }
  return await encoder(source, { signal, settings, ...changes })
}

/** Where the data of a disk is. */
export function placeOf({ db }: Pool, vdi: Ref<'VDI'>): VdiPlace {
  const { SR, uuid } = db.get('VDI', vdi)
  return { sr: db.get('SR', SR).uuid, uuid }
}

/** Progress is written at most this often, milliseconds. */
const progressStep = 1000

/** Tells the task how far the reading is. */
export function withProgress(source: DiskSource, { task, pool: { clock } }: Transfer): DiskSource {
  let told = clock.monotonic()
  return {
    size: source.size,
    extents: (options) => source.extents(options),
    read(offset, into, options) {
      const now = clock.monotonic()
      if (now - told >= progressStep) {
        told = now
        task.progress(alignDown((100 * offset) / source.size, 1) / 100)
      }
      return source.read(offset, into, options)
    },
    [Symbol.asyncDispose]: () => source[Symbol.asyncDispose](),
  }
}
