import type { Disk } from '@nixen/api'
import type { VDIRecord } from '@nixen/xapi'
import { busyOf, sizeOf, sizeOrZero, tagsOf, timeOf } from '../model/fields.ts'
import type { RecordHandler } from '../model/handler.ts'
import type { Model } from '../model/model.ts'
import type { VdiRow } from '../model/rows.ts'
import { usersOf } from '../vm/build-vm.ts'

/** `VDI`: disks, images, and the parts of chains below them, which are not shown. */
export const vdiHandler: RecordHandler<'VDI'> = {
  put(model, ref, record) {
    const old = model.vdis.get(ref)
    const row = readVdi(model, ref, record, old)
    model.vdis.set(ref, row)
    relate(model, ref, old, row)
  },
  remove(model, ref) {
    const old = model.vdis.get(ref)
    model.vdis.delete(ref)
    if (old?.built) model.markGone(old.built.id)
    relate(model, ref, old, undefined)
  },
}

function relate(model: Model, ref: string, old: VdiRow | undefined, row: VdiRow | undefined): void {
  model.disksOfSr.move(old?.managed ? old.sr : undefined, row?.managed ? row.sr : undefined)
  model.snapshotsOfVdi.move(ref, shownSnapshot(old), shownSnapshot(row))
  model.mark('VDI', ref)
  model.mark('VDI', shownSnapshot(old))
  model.mark('VDI', shownSnapshot(row))
  if (old?.managed !== row?.managed) model.markEach('VDI', model.snapshotsOfVdi.of(ref))
  for (const vbd of model.vbdsOfVdi.of(ref)) model.mark('VM', model.vbds.get(vbd)?.vm)
}

const shownSnapshot = (row: VdiRow | undefined): string | null => (row?.managed ? row.snapshotOf : null)

function readVdi(model: Model, ref: string, record: VDIRecord, old: VdiRow | undefined): VdiRow {
  return {
    id: old?.id ?? model.id('disk', record.uuid, ref),
    sr: record.SR,
    managed: record.managed,
    name: record.name_label,
    description: record.name_description,
    tags: tagsOf(record.tags),
    kind: kindOf(record.type),
    size: sizeOrZero(record.virtual_size),
    used: sizeOf(record.physical_utilisation),
    format: record.sm_config['image-format'] || record.sm_config['vdi_type'] || undefined,
    snapshotOf: record.is_a_snapshot ? record.snapshot_of : null,
    readOnly: record.read_only,
    shareable: record.sharable,
    changeTracking: record.cbt_enabled,
    missing: record.missing,
    created: record.is_a_snapshot ? timeOf(record.snapshot_time) : undefined,
    busy: busyOf(record.current_operations),
    built: old?.built,
  }
}

/** `undefined`: a disk or an image, as its storage says. */
function kindOf(type: string): VdiRow['kind'] {
  switch (type) {
    case 'system':
    case 'user':
    case 'ephemeral':
      return undefined
    case 'suspend':
      return 'suspend'
    default:
      return 'system'
  }
}

/** The disk that a record stands for; nothing for a base copy or when its storage is not known. */
export function buildDisk(model: Model, ref: string, row: VdiRow): Disk | undefined {
  const { pool, connection } = model
  const storage = model.srs.get(row.sr)
  if (!pool || !storage || !row.managed) return undefined
  const { vms, attached, snapshot } = usersOf(model, ref)
  const disk: Disk = {
    id: row.id,
    connection,
    pool,
    storage: storage.id,
    name: row.name,
    tags: row.tags,
    kind: row.kind ?? (storage.content === 'images' ? 'image' : 'disk'),
    size: row.size,
    vms,
    attached,
    snapshots: model.snapshotsOfVdi.of(ref).length,
  }
  if (row.description !== '') disk.description = row.description
  if (row.used !== undefined) disk.used = row.used
  if (row.format !== undefined) disk.format = row.format
  const source = row.snapshotOf ? model.vdis.get(row.snapshotOf) : undefined
  if (source?.managed) disk.snapshotOf = source.id
  if (snapshot) disk.snapshot = snapshot
  if (row.readOnly) disk.readOnly = true
  if (row.shareable) disk.shareable = true
  if (row.changeTracking) disk.changeTracking = true
  if (row.missing) disk.missing = true
  if (row.created !== undefined) disk.created = row.created
  if (row.busy) disk.busy = [...row.busy]
  return disk
}
