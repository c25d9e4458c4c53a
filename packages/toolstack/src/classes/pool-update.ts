import { isXapiError, XapiError } from '@nixen/xapi'
import { isNull, nullRef } from '../db/ref.ts'
import type { Call } from '../dispatch/call.ts'
import { methods, type MethodSet } from '../dispatch/methods.ts'
import { fault } from '../errors.ts'
import type { Ref } from '../generated/rows.ts'
import { attachToDom0 } from '../storage/dom0-attachment.ts'
import { placeOf } from '../streams/raw-vdi-export.ts'
import { readIsoFile } from '../updates/iso9660.ts'
import { parseUpdateXml, type UpdateInfo } from '../updates/update-xml.ts'
import { destroyVdi } from './vdi-disks.ts'

/** Reads what an update says of itself from the ISO image on its disk. Signatures are not checked. */
async function updateOn({ db, pool, host }: Call, vdi: Ref<'VDI'>): Promise<UpdateInfo> {
  using _attached = attachToDom0(db, vdi, { host, mode: 'RO' })
  await using disk = await pool.storage.open(placeOf(pool, vdi))
  let bytes: Uint8Array | undefined
  try {
    bytes = await readIsoFile(disk, 'update.xml')
  } catch (error) {
    if (isXapiError(error)) throw error
    // What can't be mounted.
    throw fault('INVALID_UPDATE', 'Please upload a valid package.')
  }
  if (!bytes) throw fault('INVALID_UPDATE', 'missing update document (update.xml) in the package.')
  return parseUpdateXml(Buffer.from(bytes).toString())
}

/** Makes the record of an update that a disk holds, and its patch for old clients. The same disk again gives the same record. */
export async function introduceUpdate(call: Call, vdi: Ref<'VDI'>): Promise<Ref<'pool_update'>> {
  const { db } = call
  const info = await updateOn(call, vdi)
  const known = db.findUuid('pool_update', info.uuid)
  if (known === undefined) {
    const update = db.insert('pool_update', { ...info, vdi })
    const { name_label, name_description, version, installation_size: size } = info
    const after_apply_guidance = info.after_apply_guidance
    const uuid = patchUuid(info.uuid)
    db.insert('pool_patch', {
      uuid,
      name_label,
      name_description,
      version,
      size,
      after_apply_guidance,
      pool_update: update,
    })
    return update
  }
  const before = db.get('pool_update', known).vdi
  if (before !== vdi && db.find('VDI', before)) throw fault('UPDATE_ALREADY_EXISTS', info.uuid)
  db.update(known, { vdi })
  return known
}

/** An update and its patch have different UUIDs: bytes 4 to 7 of the patch's are zero. */
function patchUuid(uuid: string): string {
  return `${uuid.slice(0, 9)}0000-0000${uuid.slice(18)}`
}

/** The patch that stands for an update. */
export function patchOf({ db }: Pick<Call, 'db'>, update: Ref<'pool_update'>): Ref<'pool_patch'> | undefined {
  return [...db.rows('pool_patch')].find(({ values }) => values.pool_update === update)?.ref
}

/** What stands against an update on a host. */
function assertApplicable({ db }: Call, self: Ref<'pool_update'>, host: Ref<'host'>): void {
  const { hosts, vdi } = db.get('pool_update', self)
  const { metrics } = db.get('host', host)
  if (hosts.has(host)) throw fault('UPDATE_ALREADY_APPLIED', self)
  if (!db.find('VDI', vdi)) throw fault('CANNOT_FIND_UPDATE')
  if (!db.find('host_metrics', metrics)?.live) throw fault('HOST_OFFLINE', host)
}

function apply(call: Call, self: Ref<'pool_update'>, host: Ref<'host'>): void {
  const { db, pool } = call
  assertApplicable(call, self, host)
  const { hosts, name_label, name_description, version, installation_size, after_apply_guidance } = db.get(
    'pool_update',
    self,
  )
  db.update(self, { hosts: new Set([...hosts, host]) })
  const patch = patchOf(call, self)
  if (patch) {
    const what = { name_label, name_description, version, size: installation_size }
    db.insert('host_patch', { ...what, host, pool_patch: patch, applied: true, timestamp_applied: pool.clock.now() })
    const everywhere = db.get('pool_update', self).hosts.size === db.count('host')
    db.update(patch, { pool_applied: everywhere })
  }
  const { updates_requiring_reboot } = db.get('host', host)
  if (after_apply_guidance.includes('restartHost')) {
    db.update(host, { updates_requiring_reboot: [...updates_requiring_reboot, self] })
  }
}

/** Applies an update where it is missing. */
function applyEverywhere(call: Call, self: Ref<'pool_update'>): void {
  const { hosts } = call.db.get('pool_update', self)
  const missing = [...call.db.rows('host')].map(({ ref }) => ref).filter((host) => !hosts.has(host))
  if (missing.length === 0) throw fault('UPDATE_ALREADY_APPLIED_IN_POOL', self)
  const failed = missing.filter((host) => {
    try {
      apply(call, self, host)
      return false
    } catch (error) {
      if (!isXapiError(error)) throw error
      return true
    }
  })
  // One parameter for each, although the data model names one.
  if (failed.length > 0) throw new XapiError('UPDATE_POOL_APPLY_FAILED', failed)
}

/** Takes the disk of an update away; what it changed stays. */
async function clean(call: Call, self: Ref<'pool_update'>): Promise<void> {
  const { vdi } = call.db.get('pool_update', self)
  if (call.db.find('VDI', vdi)) await destroyVdi(call, vdi)
  call.db.update(self, { vdi: nullRef })
}

function destroy(call: Call, self: Ref<'pool_update'>): void {
  if (call.db.get('pool_update', self).hosts.size > 0) throw fault('UPDATE_IS_APPLIED')
  const patch = patchOf(call, self)
  if (patch) call.db.remove(patch)
  call.db.remove(self)
}

export const poolUpdate: MethodSet = methods('pool_update', {
  introduce: (call, vdi) => introduceUpdate(call, vdi),
  precheck(call, self, host) {
    assertApplicable(call, self, host)
    return 'ok' as const
  },
  apply,
  pool_apply: applyEverywhere,
  pool_clean: clean,
  destroy,
})

/** The update that a patch stands for. */
function updateOf({ db }: Call, patch: Ref<'pool_patch'>): Ref<'pool_update'> {
  const { pool_update } = db.get('pool_patch', patch)
  if (isNull(pool_update)) throw fault('CANNOT_FIND_PATCH')
  return pool_update
}

/** The same for clients from before updates were disks. */
export const poolPatch: MethodSet = methods('pool_patch', {
  precheck(call, self, host) {
    assertApplicable(call, updateOf(call, self), host)
    return ''
  },
  apply(call, self, host) {
    apply(call, updateOf(call, self), host)
    return ''
  },
  pool_apply: (call, self) => applyEverywhere(call, updateOf(call, self)),
  clean: (call, self) => void updateOf(call, self),
  clean_on_host: (call, self, host) => void (updateOf(call, self), call.db.get('host', host)),
  pool_clean: (call, self) => clean(call, updateOf(call, self)),
  destroy: (call, self) => destroy(call, updateOf(call, self)),
})
