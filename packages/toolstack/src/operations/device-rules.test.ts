import { XapiError } from '@nixen/xapi'
import { describe, expect, test } from 'vitest'
import { Database } from '../db/database.ts'
import type { Enums, Ref, Rows } from '../generated/rows.ts'
import { dataModel } from '../model/model.ts'
import { vbdProblem, vifProblem } from './device-rules.ts'
import { hostProblem, poolProblem } from './host-rules.ts'
import { srProblem } from './storage-rules.ts'

/** Code and parameters of a refusal, with names in the place of references. */
function named(problem: Error | undefined, names: Readonly<Record<string, string>>): readonly string[] | undefined {
  if (!(problem instanceof XapiError)) return undefined
  return [problem.code, ...(problem.params as readonly string[]).map((param) => names[param] ?? param)]
}

interface Device {
  readonly vm?: Partial<Rows['VM']>
  readonly vbd?: Partial<Rows['VBD']>
  readonly vdi?: Partial<Rows['VDI']>
  readonly guest?: Partial<Rows['VM_guest_metrics']>
  /** Another VBD on the same disk. */
  readonly other?: Partial<Rows['VBD']>
}

const running = { power_state: 'Running' } as const
const hvm = { ...running, domain_type: 'hvm', HVM_boot_policy: 'BIOS order' } as const

function vbdRefusal({ vm, vbd, vdi, guest, other }: Device, op: Enums['vbd_operations']): unknown {
  const db = new Database({ model: dataModel() })
  const guest_metrics = guest ? { guest_metrics: db.insert('VM_guest_metrics', guest) } : {}
  const VM = db.insert('VM', { domain_type: 'pv', ...vm, ...guest_metrics })
  const VDI = db.insert('VDI', { managed: true, ...vdi })
  const ref = db.insert('VBD', { VM, VDI, type: 'Disk', mode: 'RW', unpluggable: true, ...vbd })
  if (other) db.insert('VBD', { VM: db.insert('VM', {}), VDI, mode: 'RW', currently_attached: true, ...other })
  return named(vbdProblem(db, ref, op), { [ref]: 'vbd', [VM]: 'vm', [VDI]: 'vdi' })
}

describe('operations on a VBD', () => {
  test.each<[string, Device, Enums['vbd_operations'], readonly string[] | undefined]>([
    ['nothing', { vm: running }, 'plug', undefined],
    [
      'another operation first',
      { vbd: { current_operations: { t: 'plug' }, unpluggable: false } },
      'unplug',
      ['OTHER_OPERATION_IN_PROGRESS', 'VBD', 'vbd', 'plug', 't'],
    ],
    [
      'not even another operation when it pauses',
      { vm: running, vbd: { current_operations: { t: 'plug' }, currently_attached: true } },
      'pause',
      undefined,
    ],
    [
      'being there for good, before the power state',
      { vbd: { unpluggable: false } },
      'unplug',
      ['VBD_NOT_UNPLUGGABLE', 'vbd'],
    ],
    ['being no CD', {}, 'insert', ['VBD_NOT_REMOVABLE_MEDIA', 'vbd']],
    ['an empty drive', { vbd: { type: 'CD', empty: true } }, 'eject', ['VBD_IS_EMPTY', 'vbd']],
    ['a full drive', { vbd: { type: 'CD', empty: false } }, 'insert', ['VBD_NOT_EMPTY', 'vbd']],
    ['the power state', {}, 'plug', ['VM_BAD_POWER_STATE', 'vm', 'running', 'halted']],
    ['being attached', { vm: running, vbd: { currently_attached: true } }, 'plug', ['DEVICE_ALREADY_ATTACHED', 'vbd']],
    ['being detached', { vm: running }, 'unplug', ['DEVICE_ALREADY_DETACHED', 'vbd']],
    [
      'a machine that goes down',
      { vm: { ...running, current_operations: { t: 'clean_shutdown' } } },
      'plug',
      ['OPERATION_NOT_ALLOWED', expect.stringContaining('clean_shutdown')],
    ],
    [
      'a CD of an HVM machine',
      { vm: hvm, vbd: { type: 'CD' } },
      'plug',
      ['OPERATION_NOT_ALLOWED', 'HVM CD-ROMs can only be inserted and ejected'],
    ],
    ['a guest without drivers', { vm: hvm }, 'plug', ['VM_MISSING_PV_DRIVERS', 'vm']],
    [
      'a guest that says no',
      { vm: hvm, guest: { can_use_hotplug_vbd: 'no', PV_drivers_detected: true } },
      'plug',
      ['VM_MISSING_PV_DRIVERS', 'vm'],
    ],
    ['no guest that says yes', { vm: hvm, guest: { can_use_hotplug_vbd: 'yes' } }, 'plug', undefined],
    ['a disk that is not managed', { vm: running, vdi: { managed: false } }, 'plug', ['VDI_NOT_MANAGED', 'vdi']],
    ['a disk that is read-only', { vm: running, vdi: { read_only: true } }, 'plug', ['VDI_READONLY', 'vdi']],
    [
      'no read-only disk when it reads',
      { vm: running, vbd: { mode: 'RO' }, vdi: { read_only: true } },
      'plug',
      undefined,
    ],
    ['a disk in use', { vm: running, other: {} }, 'plug', ['VDI_IN_USE', 'vdi']],
    ['no disk in use that is sharable', { vm: running, vdi: { sharable: true }, other: {} }, 'plug', undefined],
    ['no disk that both only read', { vm: running, vbd: { mode: 'RO' }, other: { mode: 'RO' } }, 'plug', undefined],
  ])('are stopped by %s', (_name, device, op, expected) => {
    expect(vbdRefusal(device, op)).toEqual(expected)
  })
})

describe('operations on a VIF', () => {
  test.each<
    [string, Partial<Rows['VM']>, Partial<Rows['VIF']>, Enums['vif_operations'], readonly string[] | undefined]
  >([
    ['nothing', { ...running, domain_type: 'pv' }, {}, 'plug', undefined],
    ['no power state when it is attached', {}, {}, 'attach', undefined],
    [
      'another operation',
      running,
      { current_operations: { t: 'plug' } },
      'unplug',
      ['OTHER_OPERATION_IN_PROGRESS', 'VIF', 'vif', 'plug', 't'],
    ],
    [
      'several operations',
      running,
      { current_operations: { t: 'plug', u: 'attach' } },
      'unplug',
      ['OTHER_OPERATION_IN_PROGRESS', 'VIF', 'vif', '{plug; attach}', '{t; u}'],
    ],
    ['the power state', {}, {}, 'plug', ['VM_BAD_POWER_STATE', 'vm', 'running', 'halted']],
    ['being attached', running, { currently_attached: true }, 'plug', ['DEVICE_ALREADY_ATTACHED', 'vif']],
    ['being detached', running, {}, 'unplug', ['DEVICE_ALREADY_DETACHED', 'vif']],
    ['a guest without drivers', hvm, {}, 'plug', ['VM_MISSING_PV_DRIVERS', 'vm']],
  ])('are stopped by %s', (_name, vm, vif, op, expected) => {
    const db = new Database({ model: dataModel() })
    const VM = db.insert('VM', vm)
    const ref = db.insert('VIF', { VM, ...vif })
    expect(named(vifProblem(db, ref, op), { [ref]: 'vif', [VM]: 'vm' })).toEqual(expected)
  })
})

describe('operations on an SR', () => {
  const features = { VDI_CREATE: 1, VDI_DELETE: 1, VDI_SNAPSHOT: 1 }

  test.each<
    [
      string,
      { sr?: Partial<Rows['SR']>; plugged?: boolean; disk?: Partial<Rows['VDI']> },
      Enums['storage_operations'],
      readonly string[] | undefined,
    ]
  >([
    ['nothing', {}, 'vdi_create', undefined],
    [
      'another operation',
      { sr: { current_operations: { t: 'scan' } } },
      'vdi_create',
      ['OTHER_OPERATION_IN_PROGRESS', 'SR', 'sr', 'scan', 't'],
    ],
    ['nothing beside another plug', { sr: { current_operations: { t: 'plug' } } }, 'plug', undefined],
    ['a driver that can not', {}, 'vdi_resize', ['SR_OPERATION_NOT_SUPPORTED', 'sr']],
    ['being the SR of the tools', { sr: { is_tools_sr: true } }, 'vdi_create', ['SR_OPERATION_NOT_SUPPORTED', 'sr']],
    ['being plugged', { plugged: true }, 'destroy', ['SR_HAS_PBD', 'sr']],
    ['being plugged, also to be forgotten', { plugged: true }, 'forget', ['SR_HAS_PBD', 'sr']],
    ['having no PBD', {}, 'destroy', ['SR_HAS_NO_PBDS', 'sr']],
    ['disks', { plugged: false, disk: { managed: true } }, 'destroy', ['SR_NOT_EMPTY']],
    ['no base copies', { plugged: false, disk: { managed: false } }, 'destroy', undefined],
    ['nothing when it is forgotten with its disks', { plugged: false, disk: { managed: true } }, 'forget', undefined],
  ])('are stopped by %s', (_name, { sr, plugged, disk }, op, expected) => {
    const db = new Database({ model: dataModel() })
    db.insert('SM', { type: 'nfs', features })
    const SR: Ref<'SR'> = db.insert('SR', { type: 'nfs', ...sr })
    if (plugged !== undefined) db.insert('PBD', { SR, host: db.insert('host', {}), currently_attached: plugged })
    if (disk) db.insert('VDI', { SR, ...disk })
    expect(named(srProblem(db, SR, op), { [SR]: 'sr' })).toEqual(expected)
  })
})

describe('operations on a host', () => {
  test.each<[string, Partial<Rows['host']>, boolean, Enums['host_allowed_operations'], readonly string[] | undefined]>([
    ['nothing', {}, true, 'provision', undefined],
    ['being enabled', { enabled: true }, true, 'reboot', ['HOST_NOT_DISABLED']],
    [
      'a machine that comes',
      { current_operations: { t: 'vm_migrate' } },
      true,
      'evacuate',
      ['OTHER_OPERATION_IN_PROGRESS', 'host', 'host', 'vm_migrate', 't'],
    ],
    [
      'going down',
      { current_operations: { t: 'evacuate' } },
      true,
      'vm_migrate',
      ['OTHER_OPERATION_IN_PROGRESS', 'host', 'host', 'evacuate', 't'],
    ],
    ['nothing for two machines that come', { current_operations: { t: 'provision' } }, true, 'vm_resume', undefined],
    ['being up', { power_on_mode: 'wake-on-lan' }, true, 'power_on', ['HOST_IS_LIVE', 'host']],
    ['no way to power it on', {}, false, 'power_on', ['HOST_POWER_ON_MODE_DISABLED']],
    ['nothing to power it on', { power_on_mode: 'wake-on-lan' }, false, 'power_on', undefined],
  ])('are stopped by %s', (_name, fields, live, op, expected) => {
    const db = new Database({ model: dataModel() })
    const ref = db.insert('host', { enabled: false, metrics: db.insert('host_metrics', { live }), ...fields })
    expect(named(hostProblem(db, ref, op), { [ref]: 'host' })).toEqual(expected)
  })
})

describe('operations on a pool', () => {
  test.each<[string, Partial<Rows['pool']>, Enums['pool_allowed_operations'], readonly string[] | undefined]>([
    ['nothing', {}, 'ha_enable', undefined],
    ['HA that is on', { ha_enabled: true }, 'ha_enable', ['HA_IS_ENABLED']],
    ['HA that is off', {}, 'ha_disable', ['HA_NOT_ENABLED']],
    [
      'a blocking operation, by its own name',
      { current_operations: { t: 'ha_enable' } },
      'cluster_create',
      ['HA_ENABLE_IN_PROGRESS'],
    ],
    [
      'a waiting operation',
      { current_operations: { t: 'eject' } },
      'ha_enable',
      ['OTHER_OPERATION_IN_PROGRESS', 'pool', 'pool', 'eject', 't'],
    ],
  ])('are stopped by %s', (_name, fields, op, expected) => {
    const db = new Database({ model: dataModel() })
    const ref = db.insert('pool', fields)
    expect(named(poolProblem(db, ref, op), { [ref]: 'pool' })).toEqual(expected)
  })
})
