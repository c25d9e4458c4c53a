import { seededRandom, type Random } from '@nixen/core'
import type { ScriptedDatabase, WireRecord } from './database.ts'
import { blankRecord, model } from './model.ts'

export interface SyntheticPoolOptions {
  /** Number of VMs; each comes with seven objects of its own. */
  readonly vms?: number
  readonly hosts?: number
  /** Address of the first host, the master; the others count up from it. */
  readonly address?: string
  readonly seed?: number
}

const vmOperations = [
  'snapshot', 'migrate_send', 'pool_migrate', 'checkpoint', 'clean_reboot', 'clean_shutdown', 'suspend', 'hard_reboot',
  'hard_shutdown', 'pause', 'changing_VCPUs_live', 'changing_dynamic_range', 'changing_NVRAM', 'metadata_export', 'export',
  'send_sysrq', 'send_trigger', 'call_plugin', 'data_source_op',
] // prettier-ignore

const recommendations =
  '<restrictions><restriction field="memory-static-max" max="1649267441664"/><restriction field="vcpus-max" max="32"/>' +
  '<restriction field="has-vendor-device" value="false"/><restriction field="allow-gpu-passthrough" value="1"/>' +
  '<restriction field="allow-vgpu" value="1"/><restriction field="allow-network-sriov" value="1"/>' +
  '<restriction field="supports-bios" value="yes"/><restriction field="supports-uefi" value="yes"/>' +
  '<restriction field="supports-secure-boot" value="yes"/><restriction max="255" property="number-of-vbds"/>' +
  '<restriction max="7" property="number-of-vifs"/></restrictions>'

/** Fills `db` with a pool whose records have the fields and the sizes of a real one. */
export function buildSyntheticPool(db: ScriptedDatabase, options: SyntheticPoolOptions = {}): void {
  new PoolBuilder(db, options).build()
}

class PoolBuilder {
  readonly #db: ScriptedDatabase
  readonly #random: Random
  readonly #options: SyntheticPoolOptions
  readonly #blanks = new Map<string, WireRecord>()

  constructor(db: ScriptedDatabase, options: SyntheticPoolOptions) {
    this.#db = db
    this.#options = options
    this.#random = seededRandom(options.seed ?? 1)
  }

  build(): void {
    for (const { name, inDatabase } of model().classes) if (inDatabase || name === 'message') this.#db.table(name)
    const network = this.#add('network', { name_label: 'Pool-wide network', bridge: 'xenbr0', MTU: 1500 })
    const sr = this.#add('SR', {
      name_label: 'NFS',
      type: 'nfs',
      content_type: 'user',
      shared: true,
      physical_size: 2 ** 44,
    })
    const hosts = Array.from({ length: this.#options.hosts ?? 2 }, (_, index) => this.#host(index, sr, network))
    const master = hosts[0]
    this.#add('pool', { name_label: 'synthetic', master, default_SR: sr, other_config: { auto_poweron: 'true' } })
    for (let index = 0; index < (this.#options.vms ?? 10); index++) {
      this.#vm(index, hosts[index % hosts.length] ?? '', { sr, network })
    }
  }

  #host(index: number, sr: string, network: string): string {
    const host = this.#ref()
    const address = offsetAddress(this.#options.address ?? '127.0.0.1', index)
    const metrics = this.#add('host_metrics', { live: true, memory_total: 2 ** 38, memory_free: 2 ** 36 })
    const pif = this.#add('PIF', { host, network, device: 'eth0', IP: address, management: true, MAC: this.#mac() })
    const pbd = this.#add('PBD', { host, SR: sr, currently_attached: true, device_config: { server: '10.0.0.9' } })
    const software_version = {
      product_brand: 'XCP-ng', product_version: '8.3.0', build_number: 'cloud', hostname: `host-${index}`, date: '2026-08-01',
      xapi: '26.1', xen: '4.17.5', linux: '4.19.0+1', platform_name: 'XCP', platform_version: '3.4.0',
    } // prettier-ignore
    this.#add('host', {
      name_label: `host-${index}`, hostname: `host-${index}`, address, enabled: true, metrics, PIFs: [pif], PBDs: [pbd],
      API_version_major: 2, API_version_minor: 21, software_version, cpu_info: { cpu_count: '32', socket_count: '2' },
    }, host) // prettier-ignore
    return host
  }

  #vm(index: number, host: string, { sr, network }: { sr: string; network: string }): void {
    const vm = this.#ref()
    const running = index % 5 !== 0
    const disk = this.#ref()
    const diskVbd = this.#vbd(vm, {
      VDI: disk,
      type: 'Disk',
      userdevice: '0',
      device: 'xvda',
      currently_attached: running,
      bootable: true,
    })
    const cdVbd = this.#vbd(vm, { type: 'CD', userdevice: '3', device: 'xvdd', mode: 'RO', empty: true })
    this.#vdi(disk, { index, sr, vbd: diskVbd })
    const vif = this.#vif(vm, network, running)
    const consoleRef = this.#add('console', {
      VM: vm,
      protocol: 'rfb',
      location: `https://127.0.0.1/console?uuid=${this.#uuid()}`,
    })
    const related = {
      VBDs: [diskVbd, cdVbd],
      VIFs: [vif],
      consoles: [consoleRef],
      metrics: this.#vmMetrics(index),
      guest_metrics: this.#guestMetrics(index),
    }
    this.#add(
      'VM',
      { ...vmConfiguration(index, this.#uuid(), this.#mac()), ...related, ...vmState(running, index, host) },
      vm,
    )
  }

  #vbd(VM: string, fields: WireRecord): string {
    const allowed_operations = ['attach', 'unpause', 'pause']
    return this.#add('VBD', {
      VM,
      mode: 'RW',
      unpluggable: true,
      allowed_operations,
      other_config: { owner: '' },
      ...fields,
    })
  }

  #vdi(ref: string, { index, sr, vbd }: { index: number; sr: string; vbd: string }): void {
    const uuid = this.#uuid()
    this.#add('VDI', {
      uuid, name_label: `vm-${index} system disk`, name_description: 'Created by template provisioner', SR: sr, VBDs: [vbd],
      virtual_size: 10 * 2 ** 30, physical_utilisation: Math.floor(this.#random() * 2 ** 33), type: 'system', managed: true,
      location: uuid, allowed_operations: ['generate_config', 'clone', 'snapshot', 'resize', 'mirror', 'enable_cbt', 'set_on_boot'],
      sm_config: { 'vhd-parent': this.#uuid(), 'read-caching-enabled-on': '' }, xenstore_data: { 'storage-type': 'nfs' },
    }, ref) // prettier-ignore
  }

  #vif(VM: string, network: string, currently_attached: boolean): string {
    return this.#add('VIF', {
      VM, network, device: '0', MAC: this.#mac(), MTU: 1500, currently_attached, locking_mode: 'network_default',
      allowed_operations: ['attach', 'unplug'], status_code: 0, other_config: { 'ethtool-tx': 'on' },
    }) // prettier-ignore
  }

  #vmMetrics(index: number): string {
    return this.#add('VM_metrics', {
      memory_actual: 2 ** 32, VCPUs_number: 2, VCPUs_utilisation: { 0: 0.12, 1: 0.4 }, state: ['running'], hvm: true,
      start_time: '20260801T08:00:00Z', install_time: '20250101T00:00:00Z', last_updated: '20260821T02:00:23Z', current_domain_type: index % 9 === 0 ? 'pv' : 'hvm',
    }) // prettier-ignore
  }

  #guestMetrics(index: number): string {
    const ip = `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`
    return this.#add('VM_guest_metrics', {
      os_version: { name: 'Debian GNU/Linux 12 (bookworm)', uname: '6.1.0-25-amd64', distro: 'debian', major: '12', minor: '0' },
      PV_drivers_version: { major: '8', minor: '0', micro: '50', build: '1' }, PV_drivers_up_to_date: true, PV_drivers_detected: true,
      networks: { '0/ip': ip, '0/ipv4/0': ip, '0/ipv6/0': `fe80::4c${(index & 0xffff).toString(16)}:8bff:fe32:1` }, live: true,
      other: { 'feature-suspend': '1', 'feature-poweroff': '1', 'feature-reboot': '1', 'feature-vcpu-hotplug': '1', 'platform-feature-multiprocessor-suspend': '1' },
      last_updated: '20260821T02:00:23Z', can_use_hotplug_vbd: 'yes', can_use_hotplug_vif: 'yes', netbios_name: {},
    }) // prettier-ignore
  }

  #add(table: string, fields: WireRecord, ref = this.#ref()): string {
    let base = this.#blanks.get(table)
    if (!base) this.#blanks.set(table, (base = blankRecord(table)))
    return this.#db.insert(table, ref, { ...base, ...('uuid' in base ? { uuid: this.#uuid() } : {}), ...fields })
  }

  #ref(): string {
    return `OpaqueRef:${this.#uuid()}`
  }

  #uuid(): string {
    const hex = (digits: number): string =>
      Math.floor(this.#random() * 16 ** digits).toString(16).padStart(digits, '0') // prettier-ignore
    return `${hex(8)}-${hex(4)}-4${hex(3)}-a${hex(3)}-${hex(8)}${hex(4)}`
  }

  #mac(): string {
    return Array.from({ length: 6 }, (_, i) => (i === 0 ? 'fe' : Math.floor(this.#random() * 256).toString(16).padStart(2, '0'))).join(':') // prettier-ignore
  }
}

function vmConfiguration(index: number, biosUuid: string, macSeed: string): WireRecord {
  return {
    name_label: `vm-${index}`, name_description: `Machine number ${index} of the synthetic pool`, recommendations,
    memory_static_max: 2 ** 32, memory_dynamic_max: 2 ** 32, memory_dynamic_min: 2 ** 32, memory_static_min: 2 ** 30, memory_target: 2 ** 32,
    VCPUs_max: 2, VCPUs_at_startup: 2, actions_after_shutdown: 'destroy', actions_after_reboot: 'restart', actions_after_crash: 'restart',
    HVM_boot_policy: 'BIOS order', HVM_boot_params: { order: 'cdn', firmware: 'uefi' }, HVM_shadow_multiplier: 1, domain_type: 'hvm',
    platform: {
      acpi: '1', apic: 'true', nx: 'true', pae: 'true', viridian: 'false', videoram: '8', vga: 'std', hpet: 'true', secureboot: 'false', timeoffset: '0',
      'device-model': 'qemu-upstream-uefi', 'cores-per-socket': '1', device_id: '0001',
    },
    other_config: { base_template_name: 'Debian Bookworm 12', mac_seed: macSeed, 'install-methods': 'cdrom,nfs,http,ftp', linux_template: 'true', 'xo:notes': '' },
    bios_strings: { 'bios-vendor': 'Xen', 'bios-version': '', 'system-manufacturer': 'Xen', 'system-product-name': 'HVM domU', 'system-version': '', 'system-serial-number': '', 'enclosure-asset-tag': '', 'hp-rombios': '', 'oem-1': 'Xen', 'oem-2': 'MS_VM_CERT/SHA1/bdbeb6e0a816d43fa6d3fe8aaef04c2bad9d3e3d' },
    xenstore_data: { 'vm-data': '', 'vm-data/mmio-hole-size': '268435456' }, tags: index % 3 === 0 ? ['production', 'web'] : [], hardware_platform_version: 0,
    generation_id: biosUuid, reference_label: 'debian-12', version: 0, user_version: 1, order: 0, start_delay: 0, shutdown_delay: 0,
  } // prettier-ignore
}

function vmState(running: boolean, index: number, host: string): WireRecord {
  if (!running)
    return {
      power_state: 'Halted',
      domid: -1,
      allowed_operations: ['changing_NVRAM', 'clone', 'copy', 'destroy', 'export', 'start', 'start_on'],
    }
  return {
    power_state: 'Running',
    domid: index + 1,
    resident_on: host,
    affinity: host,
    allowed_operations: vmOperations,
  }
}

function offsetAddress(address: string, by: number): string {
  const parts = address.split('.').map(Number)
  parts[3] = (parts[3] ?? 0) + by
  return parts.join('.')
}
