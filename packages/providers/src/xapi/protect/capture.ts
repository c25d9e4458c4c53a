import { isXapiError, type Ref, type SRRecord, type VBDRecord, type VDIRecord, type VMRecord } from '@nixen/xapi'
import { messageOf } from '@nixen/core'
import type { ProtectNote } from '../../protect/freeze.ts'
import type { ConfigDisk, ConfigNic, VmConfig } from '../../protect/vm-config.ts'
import { plain } from '../native.ts'
import { callsOf, type ProtectContext, type Stoppable } from './context.ts'

/** A disk of a VM, before it is frozen. */
export interface CapturedDisk {
  readonly disk: ConfigDisk
  readonly ref: Ref<'VDI'>
  readonly vdi: VDIRecord
  readonly sr: SRRecord
}

/** A VM as it was a moment before it is frozen. */
export interface Captured {
  readonly vm: Ref<'VM'>
  readonly record: VMRecord
  readonly disks: readonly CapturedDisk[]
  readonly notes: readonly ProtectNote[]
  /** The config with the disks that were really frozen. */
  config(disks: readonly ConfigDisk[], lineage: string): VmConfig
}

/** Reads everything that a restore needs of a VM. */
export async function captureVm(context: ProtectContext, vm: Ref<'VM'>, { signal }: Stoppable = {}): Promise<Captured> {
  const calls = callsOf(context, { signal })
  const record = await calls.VM.get_record(vm)
  const vbds = await Promise.all(record.VBDs.map((ref) => calls.VBD.get_record(ref)))
  const vifs = await Promise.all(record.VIFs.map((ref) => calls.VIF.get_record(ref)))
  const disks = await captureDisks(context, vbds, { signal })
  const nics = await Promise.all(
    vifs.map(async (vif): Promise<ConfigNic> => {
      const { uuid, name_label, PIFs } = await calls.network.get_record(vif.network)
      const [pif] = PIFs
      const vlan = pif === undefined ? -1 : await calls.PIF.get_VLAN(pif)
      const network = { key: uuid, name: name_label, ...(vlan >= 0 ? { vlan } : {}) }
      return { position: vif.device, mac: vif.MAC, mtu: vif.MTU, network }
    }),
  )
  const notes: ProtectNote[] = []
  const vtpms = await readTpms(context, record, { notes, signal })
  const { productBrand, productVersion } = context.xapi.pool.master
  return {
    vm,
    record,
    disks,
    notes,
    config: (frozen, lineage) => ({
      format: 'nixen.vm/1',
      provider: 'xapi',
      product: `${productBrand || 'XAPI'} ${productVersion}`.trim(),
      takenAt: context.clock.now(),
      lineage,
      ...summaryOf(record),
      disks: frozen,
      nics: nics.toSorted((a, b) => Number(a.position) - Number(b.position)),
      native: {
        vm: plain(record),
        vbds: plain(vbds),
        vifs: plain(vifs),
        vdis: plain(Object.fromEntries(disks.map(({ disk, vdi }) => [disk.key, vdi]))),
        vtpms,
      },
    }),
  }
}

function summaryOf(
  record: VMRecord,
): Omit<VmConfig, 'format' | 'provider' | 'product' | 'takenAt' | 'lineage' | 'disks' | 'nics' | 'native'> {
  const { uuid, name_label, name_description, tags, VCPUs_max, memory_static_max, HVM_boot_params, platform } = record
  const hvm = record.domain_type === 'hvm' || record.HVM_boot_policy !== ''
  return {
    key: uuid,
    name: name_label,
    description: name_description,
    tags,
    cpus: VCPUs_max,
    memory: memory_static_max,
    firmware: hvm ? (HVM_boot_params['firmware'] === 'uefi' ? 'uefi' : 'bios') : 'paravirtual',
    secureBoot: platform['secureboot'] === 'true',
    powerState: record.power_state,
  }
}

async function captureDisks(
  context: ProtectContext,
  vbds: readonly VBDRecord[],
  { signal }: Stoppable,
): Promise<CapturedDisk[]> {
  const calls = callsOf(context, { signal })
  const disks = await Promise.all(
    vbds
      .filter(({ type, VDI }) => type === 'Disk' && VDI !== null)
      .map(async (vbd) => {
        // Empty drives were filtered out.
        const ref = vbd.VDI as Ref<'VDI'>
        const vdi = await calls.VDI.get_record(ref)
        const sr = await calls.SR.get_record(vdi.SR)
        return { ref, vdi, sr, disk: configDisk(vdi, sr, { kind: 'disk', vbd }) }
      }),
  )
  return disks.toSorted((a, b) => Number(a.disk.position) - Number(b.disk.position))
}

/** The description of a disk. Its key is that of the VM's own disk, or `memory`. */
export function configDisk(
  vdi: VDIRecord,
  sr: SRRecord,
  { kind, vbd }: { kind: ConfigDisk['kind']; vbd?: VBDRecord },
): ConfigDisk {
  return {
    key: kind === 'memory' ? 'memory' : vdi.uuid,
    name: vdi.name_label,
    description: vdi.name_description,
    size: vdi.virtual_size,
    position: vbd?.userdevice ?? 'memory',
    kind,
    bootable: vbd?.bootable ?? false,
    readOnly: vbd?.mode === 'RO',
    storage: { key: sr.uuid, name: sr.name_label },
  }
}

/** What the vTPMs of a VM hold. Not every user may read it, and not every host can tell. */
async function readTpms(
  context: ProtectContext,
  { VTPMs, name_label }: VMRecord,
  { notes, signal }: Stoppable & { notes: ProtectNote[] },
): Promise<{ unique: boolean; contents: string | null }[]> {
  const calls = callsOf(context, { signal })
  return await Promise.all(
    VTPMs.map(async (ref) => {
      const unique = await calls.VTPM.get_is_unique(ref)
      try {
        return { unique, contents: await calls.VTPM.get_contents(ref) }
      } catch (error) {
        if (!isXapiError(error)) throw error
        const text = `The vTPM of ${name_label} could not be read (${messageOf(error)}): a restored VM gets an empty one, and what is sealed with it is lost.`
        notes.push({ code: 'tpm-unreadable', text })
        return { unique, contents: null }
      }
    }),
  )
}
