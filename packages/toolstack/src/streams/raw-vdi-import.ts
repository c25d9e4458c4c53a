import { convertStream, decodeRaw, formatNamed, type DiskStream } from '@nixen/disk'
import { isAppError, messageOf } from '@nixen/core'
import { XapiError } from '@nixen/xapi'
import { fault } from '../errors.ts'
import type { Ref } from '../generated/rows.ts'
import type { Pool } from '../pool/pool.ts'
import { attachToDom0 } from '../storage/dom0-attachment.ts'
import { storageFailure } from '../storage/storage-failure.ts'
import type { OpenVdi } from '../storage/storage-port.ts'
import type { HttpHandler } from '../wire/http-exchange.ts'
import { decodeChunked } from './chunked.ts'
import { hostSeeing, namedObject, targetSr } from './objects.ts'
import { placeOf } from './raw-vdi-export.ts'
import { receiveBytes, streamHandler, unknownLength, uploadBegins, type Transfer } from './stream-handler.ts'
import { decodeVdiTar } from './vdi-tar.ts'
import { writeOver } from './write-over.ts'

/** PUT /import_raw_vdi: writes a raw, vhd, qcow2 or tar stream over a disk, or makes a disk of a raw one. */
export function importRawVdi(pool: Pool): HttpHandler {
  return streamHandler(pool, {
    action: 'put_import_raw_vdi',
    label: 'Importing raw VDI',
    hostFor: (at, { query, host }) => {
      const vdi = query.get('vdi')
      const sr = vdi === null ? targetSr(at, query) : at.db.get('VDI', namedObject(at.db, 'VDI', vdi)).SR
      return hostSeeing(at.db, [sr], host)
    },
    work: async (transfer) => {
      const { query } = transfer
      const format = query.get('format') ?? 'raw'
      if (!['raw', 'vhd', 'qcow2', 'tar'].includes(format))
        throw new XapiError('NOT_FOUND', [`Unknown format ${format}`])
      const vdi = query.get('vdi') === null ? await importNew(transfer, format) : await importInto(transfer, format)
      return `<value>${vdi}</value>`
    },
  })
}

/** Writes over a disk that exists: what the stream does not hold stays as it is. */
async function importInto(transfer: Transfer, format: string): Promise<Ref<'VDI'>> {
  const { pool, query, exchange } = transfer
  const { db } = pool
  const vdi = namedObject(db, 'VDI', query.get('vdi'))
  const { type } = db.get('VDI', vdi)
  if (type === 'cbt_metadata') throw fault('VDI_INCOMPATIBLE_TYPE', vdi, type)
  await uploadBegins(transfer)
  using _attached = attachToDom0(db, vdi, { host: exchange.host, mode: 'RW' })
  await using disk = await pool.storage.open(placeOf(pool, vdi), { write: true })
  await copyIn(transfer, { vdi, disk, format })
  return vdi
}

async function copyIn(
  transfer: Transfer,
  { vdi, disk, format }: { vdi: Ref<'VDI'>; disk: OpenVdi; format: string },
): Promise<void> {
  const { signal, task } = transfer
  const { writable } = disk
  if (!writable) throw new TypeError('The disk was opened to be read')
  const bytes = receiveBytes(transfer)
  try {
    const chunked = format === 'raw' && transfer.query.has('chunked')
    await using stream = await decode(bytes, { format: chunked ? 'chunked' : format, size: disk.size })
    if (stream.size > disk.size) throw fault('VDI_TOO_SMALL', vdi, String(stream.size))
    const progress = ({ bytes: done, total }: { bytes: number; total: number }): void => task.progress(done / total)
    const gaps = format === 'tar' || (format === 'raw' && !chunked) ? 'zeros' : 'kept'
    await writeOver(writable, stream, { gaps, signal, progress: everySecond(transfer, progress) })
  } catch (error) {
    throw uploadError(error)
  } finally {
    await bytes.return(undefined)
  }
}

async function decode(
  bytes: AsyncIterable<Uint8Array>,
  { format, size }: { format: string; size: number },
): Promise<DiskStream> {
  if (format === 'raw') return decodeRaw(bytes, { size, name: 'The upload' })
  if (format === 'chunked') return decodeChunked(bytes, { size })
  if (format === 'tar') return await decodeVdiTar(bytes, { size })
  const decoder = formatNamed(format)?.decode
  if (!decoder) throw new XapiError('NOT_FOUND', [`Unknown format ${format}`])
  return await decoder(bytes, { name: 'The upload' })
}

/** A stream in the wrong form, or cut short, is an error of I/O on a host. */
export function uploadError(error: unknown): unknown {
  if (!isAppError(error)) return error
  if (isAppError(error, 'disk.io')) return storageFailure(error)
  return new XapiError('VDI_IO_ERROR', [messageOf(error)], { cause: error })
}

/** A raw upload whose length is known makes a disk of that size, which exists when all of it has come. */
async function importNew(transfer: Transfer, format: string): Promise<Ref<'VDI'>> {
  const { pool, query, exchange } = transfer
  const sr = targetSr(pool, query)
  const size = Number(exchange.request.headers['content-length'])
  if (format !== 'raw' || query.has('chunked') || !(size > 0 && size < unknownLength)) {
    throw new XapiError('IMPORT_ERROR', ['A new VDI can only be made from a raw stream of known length'])
  }
  return await importDisk(transfer, { sr, size, name: 'Imported VDI' })
}

/** Makes a disk of an upload of that size, which exists when all of it has come. */
export async function importDisk(
  transfer: Transfer,
  { sr, size, name }: { sr: Ref<'SR'>; size: number; name: string },
): Promise<Ref<'VDI'>> {
  const { pool, signal } = transfer
  const { db } = pool
  const place = { sr: db.get('SR', sr).uuid, uuid: db.newUuid() }
  const state = await pool.storage.make(place, { size }, async (sink) => {
    try {
      await using stream = decodeRaw(receiveBytes(transfer), { size, name: 'The upload' })
      await convertStream(stream, sink, { signal })
    } catch (error) {
      throw uploadError(error)
    }
  })
  return db.insert('VDI', {
    uuid: state.uuid,
    SR: sr,
    name_label: name,
    name_description: '',
    type: 'user',
    location: state.location,
    virtual_size: state.virtualSize,
    physical_utilisation: state.physicalUtilisation,
    managed: true,
    read_only: state.readOnly,
    sm_config: state.smConfig,
  })
}

/** Calls through at most once in a second. */
export function everySecond<T>({ pool: { clock } }: Transfer, tell: (value: T) => void): (value: T) => void {
  let told = clock.monotonic()
  return (value) => {
    if (clock.monotonic() - told < 1000) return
    told = clock.monotonic()
    tell(value)
  }
}
