import { GiB } from '@nixen/core'
import { addConsole } from '../classes/consoles.ts'
import { nullRef } from '../db/ref.ts'
import type { Enums, Ref } from '../generated/rows.ts'
import { guestSystems, purposes, stages, type GuestOs, type Purpose } from './catalogue.ts'
import { between, daysAgo, pick, randomMac, type GenerateContext, type NetworkSet, type StorageSet } from './context.ts'
import { hardwareOf, memoryOf } from './templates.ts'

/** Where machines go. */
export interface Placement {
  readonly hosts: readonly Ref<'host'>[]
  readonly networks: NetworkSet
  readonly storage: StorageSet
}

interface VmPlan {
  readonly name: string
  readonly number: number
  readonly stage: string
  readonly purpose: Purpose
  readonly os: GuestOs
  readonly power: Enums['vm_power_state']
  readonly host: Ref<'host'>
  /** Guests without drivers exist too. */
  readonly hasAgent: boolean
}

const linuxes = guestSystems.filter((os) => os.family === 'linux' && os.agent)
const windowses = guestSystems.filter((os) => os.family === 'windows')

/** Adds `context.vms` machines, spread over the hosts, and fills the hosts' memory with them. */
export function addVms(context: GenerateContext, placement: Placement): void {
  for (let i = 0; i < context.vms; i++) addVm(context, placement, planVm(context, placement, i))
}

/** A repeatable plan: the name says purpose, stage and number, as `web-prod-001`. */
function planVm({ random }: GenerateContext, { hosts }: Placement, index: number): VmPlan {
  const purpose = purposes[index % purposes.length] ?? pick(random, purposes)
  const stage = pick(random, stages)
  const number = Math.floor(index / purposes.length) + 1
  const draw = random()
  return {
    name: `${purpose.name}-${stage}-${String(number).padStart(3, '0')}`,
    number: index,
    stage,
    purpose,
    os: pick(random, purpose.windows ? windowses : linuxes),
    power: draw < 0.78 ? 'Running' : draw < 0.96 ? 'Halted' : draw < 0.99 ? 'Suspended' : 'Paused',
    host: pick(random, hosts),
    hasAgent: random() < 0.93,
  }
}

function addVm(context: GenerateContext, placement: Placement, plan: VmPlan): Ref<'VM'> {
  const { db, random } = context
  const { os, purpose, power } = plan
  const live = power === 'Running' || power === 'Paused'
  const installed = daysAgo(context, 700)
  const vm = db.insert('VM', {
    ...hardwareOf(os),
    ...memoryOf(purpose.memory),
    name_label: plan.name,
    name_description: `${purpose.tier} machine, ${plan.stage}`,
    power_state: power,
    resident_on: live ? plan.host : nullRef,
    affinity: random() < 0.2 ? plan.host : nullRef,
    domid: live ? plan.number + 1 : -1,
    domarch: live ? 'x64' : '',
    VCPUs_max: purpose.cpus,
    VCPUs_at_startup: purpose.cpus,
    memory_target: live ? purpose.memory : 0,
    memory_overhead: 28 * 1024 * 1024,
    tags: [plan.stage, purpose.tier],
    reference_label: os.referenceLabel,
    bios_strings: {
      'bios-vendor': 'Xen',
      'bios-version': '',
      'system-manufacturer': 'Xen',
      'system-product-name': 'HVM domU',
    },
    other_config: {
      base_template_name: os.template,
      'install-methods': 'cdrom,nfs,http,ftp',
      mac_seed: db.newUuid(),
      ...(os.family === 'linux' ? { linux_template: 'true' } : {}),
      ...(plan.stage === 'prod' ? { auto_poweron: 'true' } : {}),
    },
    metrics: addMetrics(context, plan, installed),
    guest_metrics: plan.hasAgent && live ? addGuestMetrics(context, plan) : nullRef,
  })
  addDisks(context, placement, { vm, plan, live })
  addVifs(context, placement, { vm, plan, live })
  if (live) addConsole(db, vm, 'rfb')
  return vm
}

function addMetrics(context: GenerateContext, { purpose, power }: VmPlan, installed: number): Ref<'VM_metrics'> {
  const live = power === 'Running' || power === 'Paused'
  return context.db.insert('VM_metrics', {
    memory_actual: live ? purpose.memory : 0,
    VCPUs_number: live ? purpose.cpus : 0,
    start_time: live ? daysAgo(context, 60) : 0,
    install_time: installed,
    last_updated: context.now,
    hvm: true,
    current_domain_type: live ? 'hvm' : 'unspecified',
    state: [],
  })
}

function addGuestMetrics({ db, random, now, pool }: GenerateContext, plan: VmPlan): Ref<'VM_guest_metrics'> {
  const { agent, family } = plan.os
  const ip = `10.${20 + pool}.${Math.floor(plan.number / 250) % 250}.${(plan.number % 250) + 4}`
  const windows = family === 'windows'
  const version = windows
    ? { major: '9', minor: '4', micro: '0', build: '146' }
    : { major: '7', minor: '30', micro: '0', build: '12' }
  return db.insert('VM_guest_metrics', {
    os_version: agent
      ? { name: agent.name, distro: agent.distro, uname: agent.uname, major: agent.major, minor: agent.minor }
      : {},
    netbios_name: windows ? { host_name: plan.name.slice(0, 15).toUpperCase() } : {},
    PV_drivers_version: version,
    PV_drivers_up_to_date: true,
    PV_drivers_detected: true,
    networks: {
      '0/ip': ip,
      '0/ipv4/0': ip,
      '0/ipv6/0': `fe80::${between(random, 1, 0xffff).toString(16)}:${between(random, 1, 0xffff).toString(16)}`,
    },
    other: {
      'feature-shutdown': '1',
      'feature-reboot': '1',
      'feature-suspend': '1',
      'feature-poweroff': '1',
      'feature-vcpu-hotplug': '1',
      'feature-balloon': '1',
      'platform-feature-multiprocessor-suspend': '1',
      'has-vendor-device': '0',
    },
    can_use_hotplug_vbd: 'yes',
    can_use_hotplug_vif: 'yes',
    live: true,
    last_updated: now,
  })
}

interface DevicePlan {
  readonly vm: Ref<'VM'>
  readonly plan: VmPlan
  readonly live: boolean
}

function addDisks(context: GenerateContext, { hosts, storage }: Placement, { vm, plan, live }: DevicePlan): void {
  const { db, random } = context
  const local = storage.local[hosts.indexOf(plan.host)]
  const srs = random() < 0.85 || !local ? storage.shared : [local]
  const sr = pick(random, srs.length > 0 ? srs : storage.local)
  const sizes = [Math.max(plan.os.disk, 10 * GiB), ...(plan.purpose.dataDisk > 0 ? [plan.purpose.dataDisk] : [])]
  sizes.forEach((size, i) => {
    const name = i === 0 ? `${plan.name} system` : `${plan.name} data`
    const vdi = addDisk(context, sr, { name, size, type: i === 0 ? 'system' : 'user' })
    const device = i === 0 ? 0 : i + 1
    db.insert('VBD', {
      VM: vm,
      VDI: vdi,
      userdevice: String(device),
      device: live ? `xvd${'abcdefgh'[device]}` : '',
      bootable: i === 0,
      mode: 'RW',
      type: 'Disk',
      unpluggable: i > 0,
      empty: false,
      currently_attached: live,
      other_config: { owner: '' },
    })
  })
  if (plan.power === 'Suspended')
    db.update(vm, {
      suspend_VDI: addDisk(context, sr, { name: 'Suspend image', size: plan.purpose.memory, type: 'suspend' }),
      suspend_SR: sr,
    })
  const iso = random() < 0.08 ? pick(random, storage.isos) : undefined
  db.insert('VBD', {
    VM: vm,
    VDI: iso ?? nullRef,
    userdevice: '3',
    device: live ? 'xvdd' : '',
    mode: 'RO',
    type: 'CD',
    empty: iso === undefined,
    currently_attached: live,
    other_config: {},
  })
}

/** One VDI; its SR's counters follow. */
function addDisk(
  { db, random }: GenerateContext,
  sr: Ref<'SR'>,
  { name, size, type }: { name: string; size: number; type: Enums['vdi_type'] },
): Ref<'VDI'> {
  const used = Math.round((size * (0.1 + 0.7 * random())) / 4096) * 4096
  const vdi = db.insert('VDI', {
    name_label: name,
    name_description: type === 'system' ? 'Created by template provisioner' : '',
    SR: sr,
    virtual_size: size,
    physical_utilisation: used,
    type,
    sharable: false,
    read_only: false,
    managed: true,
    sm_config: { 'image-format': 'vhd' },
  })
  const { uuid } = db.get('VDI', vdi)
  db.update(vdi, { location: uuid })
  const { virtual_allocation, physical_utilisation } = db.get('SR', sr)
  db.update(sr, { virtual_allocation: virtual_allocation + size, physical_utilisation: physical_utilisation + used })
  return vdi
}

function addVifs({ db, random }: GenerateContext, { networks }: Placement, { vm, plan, live }: DevicePlan): void {
  const count = plan.purpose.tier === 'database' ? 2 : 1
  for (let device = 0; device < count; device++) {
    db.insert('VIF', {
      VM: vm,
      network: pick(random, networks.guests),
      device: String(device),
      MAC: randomMac(random),
      MAC_autogenerated: true,
      MTU: 1500,
      currently_attached: live,
      other_config: {},
      locking_mode: 'network_default',
    })
  }
}
