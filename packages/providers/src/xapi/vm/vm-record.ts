import type { VMRecord } from '@nixen/xapi'
import { actionOf, busyOf, isYes, sizeOrZero, tagsOf } from '../model/fields.ts'
import type { RecordHandler } from '../model/handler.ts'
import { all, type Model } from '../model/model.ts'
import type { VmRow } from '../model/rows.ts'

/** `VM`: machines, templates, snapshots and control domains. */
export const vmHandler: RecordHandler<'VM'> = {
  put(model, ref, record) {
    const old = model.vms.get(ref)
    const row = readVm(model, ref, record, old)
    model.vms.set(ref, row)
    relate(model, ref, old, row)
    own(model, ref, old, row)
    model.mark('VM', ref)
    markRelated(model, ref, old, row)
  },

  remove(model, ref) {
    const old = model.vms.get(ref)
    if (!old) return
    model.vms.delete(ref)
    relate(model, ref, old, undefined)
    own(model, ref, old, undefined)
    if (old.built) model.markGone(old.built.id)
    markRelated(model, ref, old, undefined)
  },
}

function own(model: Model, ref: string, old: VmRow | undefined, row: VmRow | undefined): void {
  for (const metrics of [old?.metrics, old?.guest]) if (metrics) model.metricsOwner.delete(metrics)
  for (const metrics of [row?.metrics, row?.guest]) if (metrics) model.metricsOwner.set(metrics, ref)
}

function relate(model: Model, ref: string, old: VmRow | undefined, row: VmRow | undefined): void {
  model.snapshotsOfVm.move(ref, snapshotParent(old), snapshotParent(row))
  model.vmsByUuid.move(ref, old?.uuid, row?.uuid)
  model.vmsOfHost.move(runsOn(old), runsOn(row))
  model.vmCount.move(old?.kind === 'vm' ? all : undefined, row?.kind === 'vm' ? all : undefined)
  model.runningCount.move(isRunning(old) ? all : undefined, isRunning(row) ? all : undefined)
  for (const vif of model.vifsOfVm.of(ref)) recount(model, vif)
}

/** The network of a NIC counts it when it belongs to a VM, not to a template or a snapshot. */
export function recount(model: Model, vifRef: string): void {
  const vif = model.vifs.get(vifRef)
  if (!vif) return
  const counted = model.vms.get(vif.vm)?.kind === 'vm' ? vif.network : undefined
  model.nicsOfNetwork.move(vif.counted, counted)
  vif.counted = counted
}

function markRelated(model: Model, ref: string, old: VmRow | undefined, row: VmRow | undefined): void {
  model.markEach('VIF', model.vifsOfVm.of(ref))
  for (const vbd of model.vbdsOfVm.of(ref)) model.mark('VDI', model.vbds.get(vbd)?.vdi)
  model.markEach('VM', model.snapshotsOfVm.of(ref))
  for (const uuid of new Set([old?.uuid, row?.uuid]))
    if (uuid !== undefined) model.markEach('message', model.messagesByUuid.of(uuid))
  for (const source of new Set([snapshotParent(old), snapshotParent(row)])) {
    model.mark('VM', source)
    // Snapshots name each other as parents.
    if (source && (!old || !row)) model.markEach('VM', model.snapshotsOfVm.of(source))
  }
}

const snapshotParent = (row: VmRow | undefined): string | null => (row?.kind === 'snapshot' ? row.snapshotOf : null)
const isRunning = (row: VmRow | undefined): boolean => row?.kind === 'vm' && row.power === 'running'
const runsOn = (row: VmRow | undefined): string | null => (row && isRunning(row) ? row.host : null)

function readVm(model: Model, ref: string, record: VMRecord, old: VmRow | undefined): VmRow {
  const kind = kindOf(record)
  const { platform, other_config: config } = record
  return {
    kind,
    uuid: record.uuid,
    id: old?.kind === kind ? old.id : model.id(kind === 'control' ? 'vm' : kind, record.uuid, ref),
    name: record.name_label,
    description: record.name_description,
    tags: tagsOf(record.tags),
    power: powerStates[record.power_state] ?? 'unknown',
    host: record.resident_on,
    affinity: record.affinity,
    vcpus: sizeOrZero(record.VCPUs_at_startup),
    vcpusMax: sizeOrZero(record.VCPUs_max),
    memoryTarget: sizeOrZero(record.memory_target),
    memoryMin: sizeOrZero(record.memory_dynamic_min),
    memoryMax: sizeOrZero(record.memory_dynamic_max),
    metrics: record.metrics,
    guest: record.guest_metrics,
    firmware: firmwareOf(record),
    secureBoot: platform['secureboot'] === undefined ? undefined : isYes(platform['secureboot']),
    tpm: record.VTPMs.length > 0,
    virtualization: virtualizationOf(record.domain_type),
    autoStart: isYes(config['auto_poweron']),
    ha: haOf(record.ha_restart_priority),
    busy: busyOf(record.current_operations),
    blocked: blockedOf(record.blocked_operations),
    notes: kind === 'vm' ? config[notesKey] || undefined : undefined,
    fields: kind === 'vm' ? customFieldsOf(config) : undefined,
    immobile: immobileOf(record),
    snapshotOf: record.snapshot_of,
    snapshotTime: record.snapshot_time,
    parent: record.parent,
    defaultTemplate: record.is_default_template,
    label: record.reference_label,
    built: old?.built,
  }
}

/** A snapshot has `is_a_template` too. */
function kindOf(record: VMRecord): VmRow['kind'] {
  if (record.is_control_domain) return 'control'
  if (record.is_a_snapshot) return 'snapshot'
  return record.is_a_template ? 'template' : 'vm'
}

const powerStates: Readonly<Record<string, VmRow['power']>> = {
  Running: 'running',
  Paused: 'paused',
  Suspended: 'suspended',
  Halted: 'halted',
}

/** `undefined` for a type that is not told (`unspecified`) or newer than this. */
export function virtualizationOf(type: string): VmRow['virtualization'] {
  if (type === 'hvm' || type === 'pv') return type
  return type === 'pvh' || type === 'pv_in_pvh' ? 'pvh' : undefined
}

function firmwareOf({ HVM_boot_policy: policy, HVM_boot_params: params }: VMRecord): VmRow['firmware'] {
  if (policy === '') return undefined
  return params['firmware'] === 'uefi' ? 'uefi' : 'bios'
}

function haOf(priority: string): VmRow['ha'] {
  return priority === 'restart' || priority === 'best-effort' ? priority : 'off'
}

function blockedOf(operations: Readonly<Record<string, string>>): Record<string, string> | undefined {
  const entries = Object.entries(operations)
  if (entries.length === 0) return undefined
  return Object.fromEntries(entries.map(([operation, reason]) => [actionOf(operation), reason]))
}

/** Key of `other_config` for notes. */
export const notesKey = 'nixen:notes'
/** Beginning of the keys of custom fields: those of XenCenter, so that both show the same. */
export const fieldPrefix = 'XenCenter.CustomFields.'

/** `undefined` when there are none, as nearly everywhere. */
function customFieldsOf(config: Readonly<Record<string, string>>): Record<string, string> | undefined {
  let fields: Record<string, string> | undefined
  for (const key in config) {
    if (!key.startsWith(fieldPrefix)) continue
    fields ??= {}
    fields[key.slice(fieldPrefix.length)] = config[key] ?? ''
  }
  return fields
}

/** Reasons in the order in which a host looks for them (xapi, `xapi_vm_lifecycle`). */
function immobileOf({ platform, attached_PCIs, VGPUs, VUSBs }: VMRecord): string | undefined {
  if (attached_PCIs.length > 0) return 'A PCI device is passed through to it.'
  if (VGPUs.length > 0) return 'It has a virtual GPU.'
  if (VUSBs.length > 0) return 'A USB device is passed through to it.'
  return isYes(platform['nomigrate']) ? 'It is marked as not to be moved (platform:nomigrate).' : undefined
}
