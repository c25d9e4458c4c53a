import type { Database } from '../db/database.ts'
import { isNull } from '../db/ref.ts'
import { fault } from '../errors.ts'
import type { Enums, Ref, Rows } from '../generated/rows.ts'
import { busy } from './conflicts.ts'
import { operations } from './rules-data.ts'

type VdiOperation = Enums['vdi_operations']
type SrOperation = Enums['storage_operations']

const vdiRules = operations.vdi
const srRules = operations.sr

/** By the `features` of an SM row, which is another object when they change. */
const featureSets = new WeakMap<object, ReadonlySet<string>>()
const noFeatures: ReadonlySet<string> = new Set()

/** The features of the driver behind an SR, without their versions. */
export function smFeatures(db: Database, type: string): ReadonlySet<string> {
  for (const { values } of db.rows('SM')) {
    if (values.type !== type) continue
    const known = featureSets.get(values.features)
    if (known) return known
    const features = new Set(Object.keys(values.features))
    featureSets.set(values.features, features)
    return features
  }
  return noFeatures
}

/** The error that `op` on a VDI gets now, in the order of a host's checks; `undefined` when it is allowed. */
export function vdiProblem(db: Database, ref: Ref<'VDI'>, op: VdiOperation): Error | undefined {
  const vdi = db.get('VDI', ref)
  const current = Object.entries(vdi.current_operations).filter(([, other]) => other !== 'copy')
  if (current.length > 0) return busy('VDI', ref, current)
  if (op === 'resize' && !isSrAttached(db, vdi.SR)) return fault('SR_HAS_NO_PBDS', vdi.SR)
  return (
    useProblem(db, vdi, ref, op) ??
    featureProblem(db, vdi, op) ??
    typeProblem(vdi, ref, op) ??
    vdiOwnProblem(db, vdi, { ref, op })
  )
}

/** Whether some host has the SR plugged. */
export function isSrAttached(db: Database, sr: Ref<'SR'>): boolean {
  for (const pbd of db.find('SR', sr)?.PBDs ?? []) if (db.get('PBD', pbd).currently_attached) return true
  return false
}

function useProblem(db: Database, vdi: Rows['VDI'], ref: Ref<'VDI'>, op: VdiOperation): Error | undefined {
  const used = [...vdi.VBDs].map((vbd) => db.get('VBD', vbd)).filter((vbd) => vbd.currently_attached || vbd.reserved)
  const live = used.every((vbd) => vbd.mode === 'RO')
    ? vdiRules.allowedWhileAttachedReadOnly
    : vdiRules.allowedWhileAttached
  if (used.length > 0 && !live.includes(op)) return fault('VDI_IN_USE', ref, op)
  for (const vbd of vdi.VBDs) {
    const current = Object.entries(db.get('VBD', vbd).current_operations)
    if (current.length > 0 && !live.includes(op)) return busy('VDI', ref, current)
  }
  return undefined
}

function featureProblem(db: Database, vdi: Rows['VDI'], op: VdiOperation): Error | undefined {
  const needed = vdiRules.requiredSmFeature[op]
  // A clone is always offered: without the feature the host copies.
  if (!needed || op === 'clone') return undefined
  const sr = db.find('SR', vdi.SR)
  return sr && !smFeatures(db, sr.type).has(needed) ? fault('SR_OPERATION_NOT_SUPPORTED', vdi.SR) : undefined
}

function typeProblem(vdi: Rows['VDI'], ref: Ref<'VDI'>, op: VdiOperation): Error | undefined {
  if (vdi.type === 'cbt_metadata' && vdiRules.forbiddenForCbtMetadataType.includes(op)) {
    return fault('VDI_INCOMPATIBLE_TYPE', ref, vdi.type)
  }
  if (vdi.cbt_enabled && vdiRules.forbiddenWhenCbtEnabled.includes(op)) return fault('VDI_CBT_ENABLED', ref)
  return undefined
}

function vdiOwnProblem(
  db: Database,
  vdi: Rows['VDI'],
  { ref, op }: { ref: Ref<'VDI'>; op: VdiOperation },
): Error | undefined {
  // Only these have rules of their own.
  // oxlint-disable-next-line typescript/switch-exhaustiveness-check
  switch (op) {
    case 'snapshot':
      if (vdi.sharable) return fault('VDI_IS_SHARABLE', ref)
      return Object.keys(vdi.current_operations).length > 0
        ? busy('VDI', ref, Object.entries(vdi.current_operations))
        : undefined
    case 'destroy':
      if (vdi.type === 'rrd') return fault('VDI_HAS_RRDS', ref)
      if ((vdi.type === 'ha_statefile' || vdi.type === 'redo_log') && isHaEnabled(db)) return fault('HA_IS_ENABLED')
      return vdi.is_tools_iso ? fault('OPERATION_NOT_ALLOWED', 'VDI is a tools ISO') : undefined
    case 'enable_cbt':
    case 'disable_cbt':
      if (vdi.is_a_snapshot) return fault('OPERATION_NOT_ALLOWED', 'VDI is a snapshot')
      if (vdi.type !== 'user' && vdi.type !== 'system') return fault('VDI_INCOMPATIBLE_TYPE', ref, vdi.type)
      return vdi.on_boot === 'reset' ? fault('VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION') : undefined
    case 'data_destroy':
      if (!vdi.is_a_snapshot) return fault('OPERATION_NOT_ALLOWED', 'VDI is not a snapshot')
      return vdi.cbt_enabled ? undefined : fault('VDI_NO_CBT_METADATA', ref)
    case 'list_changed_blocks':
      return vdi.cbt_enabled ? undefined : fault('VDI_NO_CBT_METADATA', ref)
    default:
      return undefined
  }
}

function isHaEnabled(db: Database): boolean {
  for (const { values } of db.rows('pool')) if (values.ha_enabled) return true
  return false
}

/** The error that `op` on an SR gets now; `undefined` when it is allowed. */
export function srProblem(db: Database, ref: Ref<'SR'>, op: SrOperation): Error | undefined {
  const sr = db.get('SR', ref)
  const current = Object.entries(sr.current_operations)
  const parallel = srRules.parallel.includes(op) && current.every(([, other]) => srRules.parallel.includes(other))
  if (current.length > 0 && !parallel) return busy('SR', ref, current)
  const needed = srRules.requiredSmFeature[op]
  if (needed && !smFeatures(db, sr.type).has(needed)) return fault('SR_OPERATION_NOT_SUPPORTED', ref)
  if (sr.is_tools_sr && (op === 'vdi_create' || op === 'vdi_destroy')) return fault('SR_OPERATION_NOT_SUPPORTED', ref)
  if ((op === 'destroy' || op === 'forget') && isSrAttached(db, ref)) return fault('SR_HAS_PBD', ref)
  if (op === 'destroy' && sr.PBDs.size === 0) return fault('SR_HAS_NO_PBDS', ref)
  if (op === 'destroy' && [...sr.VDIs].some((vdi) => db.get('VDI', vdi).managed)) return fault('SR_NOT_EMPTY')
  return undefined
}

/** The VDI's SR, which must be plugged somewhere. */
export function attachedSr(db: Database, sr: Ref<'SR'>): Rows['SR'] {
  const row = db.get('SR', sr)
  if (isNull(sr) || !isSrAttached(db, sr)) throw fault('SR_HAS_NO_PBDS', sr)
  return row
}
