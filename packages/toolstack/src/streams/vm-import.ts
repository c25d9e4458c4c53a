import { isAppError, messageOf } from '@nixen/core'
import { convertStream, readXva, type XvaDisk } from '@nixen/disk'
import { XapiError } from '@nixen/xapi'
import type { Ref } from '../generated/rows.ts'
import type { Pool } from '../pool/pool.ts'
import { storageFailure } from '../storage/storage-failure.ts'
import type { VdiState } from '../storage/storage-port.ts'
import type { HttpHandler } from '../wire/http-exchange.ts'
import { hostSeeing, namedObject, targetSr } from './objects.ts'
import { readPackage, type PackedObjects } from './package-reader.ts'
import { everySecond } from './raw-vdi-import.ts'
import { receiveBytes, streamHandler, type Transfer } from './stream-handler.ts'
import { freeUuid, insertVms } from './vm-records.ts'

/** PUT /import: makes the VMs of an XVA, compressed or not. */
export function importVm(pool: Pool): HttpHandler {
  return streamHandler(pool, {
    action: 'put_import',
    label: 'Importing VM',
    hostFor: (at, { query, host }) => hostSeeing(at.db, [targetSr(at, query)], host),
    work: (transfer) => receiveVms(transfer),
  })
}

/** A disk that has come, whose record is still to be made. */
interface ReceivedDisk {
  readonly id: string
  readonly sr: Ref<'SR'>
  readonly state: VdiState
}

async function receiveVms(transfer: Transfer): Promise<string> {
  const { pool, query, signal } = transfer
  const restore = query.get('restore') === 'true'
  const force = query.get('force') === 'true'
  const sr = targetSr(pool, query)
  const bytes = receiveBytes(transfer)
  const received: ReceivedDisk[] = []
  try {
    await using reader = await readXva(bytes, { name: 'The XVA', ignoreChecksums: force, signal })
    const objects = readPackage(pool.db, reader.ovaXml)
    for await (const disk of reader.disks()) {
      received.push(await receiveDisk(transfer, { disk, objects, sr, restore }))
    }
    assertComplete(objects, received)
    return finish(transfer, { objects, received, restore })
  } catch (error) {
    // Nothing but whole VMs stays.
    for (const { state } of received) await pool.storage.destroy({ sr: pool.db.get('SR', sr).uuid, uuid: state.uuid })
    throw importError(error)
  } finally {
    await bytes.return(undefined)
  }
}

async function receiveDisk(
  transfer: Transfer,
  { disk, objects, sr, restore }: { disk: XvaDisk; objects: PackedObjects; sr: Ref<'SR'>; restore: boolean },
): Promise<ReceivedDisk> {
  const { pool, signal, task } = transfer
  const packed = objects.find('VDI', disk.ref)
  const place = { sr: pool.db.get('SR', sr).uuid, uuid: freeUuid(pool.db, 'VDI', packed?.fields.uuid, { restore }) }
  const progress = everySecond(transfer, (at: { bytes: number; total: number }) => task.progress(at.bytes / at.total))
  const state = await pool.storage.make(place, { size: disk.size }, async (sink) => {
    try {
      await convertStream(disk, sink, { signal, progress })
    } catch (error) {
      // What is wrong with the file is not the storage's fault.
      throw importError(error)
    }
  })
  return { id: disk.ref, sr, state }
}

/** Every disk that a machine of the file has must have come. */
function assertComplete(objects: PackedObjects, received: readonly ReceivedDisk[]): void {
  const have = new Set(received.map(({ id }) => id))
  const missing = objects
    .of('VBD')
    .some(({ fields }) => fields.type === 'Disk' && objects.find('VDI', fields.VDI) && !have.has(fields.VDI ?? ''))
  if (missing) throw new XapiError('IMPORT_ERROR_ATTACHED_DISKS_NOT_FOUND', [])
}

/** Makes all records in one go. */
function finish(
  { pool, task }: Transfer,
  { objects, received, restore }: { objects: PackedObjects; received: readonly ReceivedDisk[]; restore: boolean },
): string {
  const { db } = pool
  const disks = new Map(received.map((disk) => [disk.id, insertDisk(pool, disk, objects)]))
  const vms = insertVms(db, objects, { restore, disks })
  if (task.ref !== undefined && db.find('task', task.ref)) {
    const { other_config } = db.get('task', task.ref)
    db.update(task.ref, { other_config: { ...other_config, object_creation: 'complete' } })
  }
  db.commit()
  return vmsResult(vms)
}

function insertDisk({ db }: Pool, { id, sr, state }: ReceivedDisk, objects: PackedObjects): Ref<'VDI'> {
  const {
    name_label = '',
    name_description = '',
    type = 'user',
    other_config = {},
    tags = [],
  } = objects.find('VDI', id)?.fields ?? {}
  return db.insert('VDI', {
    uuid: state.uuid,
    SR: sr,
    name_label,
    name_description,
    type,
    other_config,
    tags,
    location: state.location,
    virtual_size: state.virtualSize,
    physical_utilisation: state.physicalUtilisation,
    managed: true,
    sm_config: state.smConfig,
  })
}

function vmsResult(vms: readonly string[]): string {
  return `<value><array><data>${vms.map((vm) => `<value>${vm}</value>`).join('')}</data></array></value>`
}

/** The error that a host gives for an XVA that can't be read. */
function importError(error: unknown): unknown {
  if (!isAppError(error)) return error
  const options = { cause: error }
  switch (error.code) {
    case 'xva.checksum':
      return new XapiError('IMPORT_ERROR_SOME_CHECKSUMS_FAILED', [], options)
    case 'xva.not_first':
      return new XapiError('IMPORT_ERROR_UNEXPECTED_FILE', ['ova.xml', textOf(error.details['found'])], options)
    case 'xva.unexpected': {
      const { expected, found } = error.details
      return new XapiError('IMPORT_ERROR_UNEXPECTED_FILE', [textOf(expected), textOf(found)], options)
    }
    case 'disk.truncated':
    case 'stream.truncated':
      return new XapiError('IMPORT_ERROR_PREMATURE_EOF', [], options)
    case 'disk.io':
      return storageFailure(error)
    default:
      return new XapiError('IMPORT_ERROR', [messageOf(error)], options)
  }
}

function textOf(detail: unknown): string {
  return typeof detail === 'string' ? detail : ''
}

/** PUT /import_metadata: makes the records of VMs whose disks are here already. */
export function importMetadata(pool: Pool): HttpHandler {
  return streamHandler(pool, {
    action: 'put_import_metadata',
    label: 'Importing VM metadata',
    work: async (transfer) => {
      const { query } = transfer
      const bytes = receiveBytes(transfer)
      try {
        await using reader = await readXva(bytes, { name: 'The metadata' })
        const objects = readPackage(pool.db, reader.ovaXml)
        for await (const _ of reader.disks()) throw new XapiError('IMPORT_ERROR', ['metadata have no disks'])
        const disks = presentDisks(transfer, objects)
        if (query.get('dry_run') === 'true') return vmsResult([])
        const vms = insertVms(pool.db, objects, { restore: query.get('restore') === 'true', disks })
        pool.db.commit()
        return vmsResult(vms)
      } catch (error) {
        throw importError(error)
      } finally {
        await bytes.return(undefined)
      }
    },
  })
}

/** The disk of each VDI of the file: the one the query names for it (`vdi:<uuid>=<uuid>`), or else the one with its UUID. */
function presentDisks({ pool: { db }, query }: Transfer, objects: PackedObjects): Map<string, Ref<'VDI'>> {
  const disks = new Map<string, Ref<'VDI'>>()
  for (const { id, fields } of objects.of('VDI')) {
    const named = query.get(`vdi:${fields.uuid ?? ''}`)
    const found = named === null ? db.findUuid('VDI', fields.uuid ?? '') : namedObject(db, 'VDI', named)
    if (found !== undefined) disks.set(id, found)
    else if (query.get('force') !== 'true') throw new XapiError('IMPORT_ERROR_FAILED_TO_FIND_OBJECT', [id])
  }
  return disks
}
