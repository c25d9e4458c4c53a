import { GiB } from '@nixen/core'
import { nullRef } from '../db/ref.ts'
import type { Ref } from '../generated/rows.ts'
import { between, daysAgo, randomMac, type GenerateContext, type NetworkSet } from './context.ts'

const cores = 32
const flags =
  'fpu de tsc msr pae mce cx8 apic sep mca cmov pat clflush mmx fxsr sse sse2 ht syscall nx rdtscp lm constant_tsc rep_good nopl cpuid pni pclmulqdq ssse3 fma cx16 sse4_1 sse4_2 movbe popcnt aes xsave avx f16c rdrand hypervisor lahf_lm'

/** What every host of a pool says about its software. */
export const softwareVersion: Readonly<Record<string, string>> = {
  product_brand: 'XCP-ng',
  product_version: '8.3.0',
  product_version_text: '8.3',
  product_version_text_short: '8.3',
  platform_name: 'XCP',
  platform_version: '3.4.0',
  build_number: 'cloud',
  date: '20260505T00:00:00Z',
  xapi: '26.1',
  xapi_build: '26.1.3',
  xen: '4.17.5-13',
  linux: '4.19.0+1',
  xencenter_min: '2.21',
  xencenter_max: '2.21',
  network_backend: 'openvswitch',
  db_schema: '5.790',
}

/** Adds the hosts with their networks; the first is the master. `memory` bytes each. */
export function addHosts(
  context: GenerateContext,
  { site, memory }: { site: string; memory: number },
): { hosts: Ref<'host'>[]; networks: NetworkSet } {
  const hosts = Array.from({ length: context.hosts }, (_, i) => addHost(context, { site, index: i, memory }))
  const networks = addNetworks(context)
  hosts.forEach((host, i) => addPifs(context, networks, { host, index: i }))
  return { hosts, networks }
}

function addHost(
  context: GenerateContext,
  { site, index, memory }: { site: string; index: number; memory: number },
): Ref<'host'> {
  const { db, now } = context
  const hostname = `xen-${site}-${String(index + 1).padStart(2, '0')}`
  const started = daysAgo(context, 90)
  const host = db.insert('host', {
    name_label: hostname,
    name_description: `Host ${index + 1} in ${site}`,
    hostname,
    address: context.address(index),
    enabled: true,
    API_version_major: db.model.apiVersion.major,
    API_version_minor: db.model.apiVersion.minor,
    API_version_vendor: 'XenSource',
    API_version_vendor_implementation: {},
    software_version: { ...softwareVersion, hostname },
    capabilities: ['xen-3.0-x86_64', 'hvm-3.0-x86_32', 'hvm-3.0-x86_32p', 'hvm-3.0-x86_64', ''],
    sched_policy: 'credit',
    supported_bootloaders: ['pygrub', 'eliloader'],
    cpu_configuration: {},
    cpu_info: {
      cpu_count: String(cores),
      socket_count: '2',
      threads_per_core: '2',
      nr_nodes: '2',
      vendor: 'AuthenticAMD',
      speed: '2994.372',
      modelname: 'AMD EPYC 7313 16-Core Processor',
      family: '25',
      model: '1',
      stepping: '1',
      flags,
      features_pv: '178bfbff-f6d83203-2e500800-042001f3-00000003-219c01a9-00400004-00000500',
      features_hvm: '178bfbff-f6f83203-2e500800-042001f3-0000000f-219c07ab-0040060c-00000500',
      features_hvm_host: '178bfbff-f6f83203-2e500800-042001f3-0000000f-219c07ab-0040060c-00000500',
      features_pv_host: '178bfbff-f6d83203-2e500800-042001f3-00000003-219c01a9-00400004-00000500',
    },
    other_config: {
      agent_start_time: `${started / 1000 + 40}.`,
      boot_time: `${started / 1000}.`,
      rpm_patch_installation_time: '',
    },
    license_params: { restrict_vswitch_controller: 'false', restrict_pooling: 'false', expiry: '20991231T00:00:00Z' },
    license_server: { address: 'localhost', port: '27000' },
    edition: 'xcp-ng',
    editions: ['xcp-ng'],
    logging: {},
    bios_strings: {
      'bios-vendor': 'AMI',
      'bios-version': '2.4',
      'system-manufacturer': 'Supermicro',
      'system-product-name': 'AS-1114S',
      'hp-rombios': '',
    },
    chipset_info: { iommu: 'true' },
    metrics: db.insert('host_metrics', { memory_total: memory, memory_free: memory, live: true, last_updated: now }),
    boot_free_mem: memory,
    virtual_hardware_platform_versions: [0, 1, 2],
    iscsi_iqn: `iqn.2026-01.org.nixen:${hostname}`,
    suspend_image_sr: nullRef,
    crash_dump_sr: nullRef,
    https_only: false,
    ssh_enabled: true,
    tls_verification_enabled: true,
    memory_overhead: Math.round(memory * 0.01),
    timezone: 'UTC',
  })
  for (let number = 0; number < cores; number++) {
    db.insert('host_cpu', {
      host,
      number,
      vendor: 'AuthenticAMD',
      speed: 2994,
      modelname: 'AMD EPYC 7313 16-Core Processor',
      family: 25,
      model: 1,
      stepping: '1',
      flags,
      features: '',
      utilisation: 0,
    })
  }
  addControlDomain(context, host, hostname)
  return host
}

function addControlDomain({ db, now }: GenerateContext, host: Ref<'host'>, hostname: string): void {
  const memory = 4 * GiB
  const vm = db.insert('VM', {
    name_label: `Control domain on host: ${hostname}`,
    name_description: 'The domain which manages physical devices and manages other domains',
    power_state: 'Running',
    is_control_domain: true,
    resident_on: host,
    affinity: host,
    domid: 0,
    domarch: 'x64',
    memory_static_max: memory,
    memory_dynamic_max: memory,
    memory_dynamic_min: memory,
    memory_static_min: memory,
    memory_target: memory,
    VCPUs_max: 8,
    VCPUs_at_startup: 8,
    domain_type: 'pv',
    other_config: { is_system_domain: 'true' },
    metrics: db.insert('VM_metrics', {
      memory_actual: memory,
      VCPUs_number: 8,
      start_time: now,
      install_time: now,
      last_updated: now,
      current_domain_type: 'pv',
    }),
  })
  db.update(host, { control_domain: vm })
}

function addNetworks(context: GenerateContext): NetworkSet {
  const { db } = context
  const add = (name: string, description: string, bridge: string, other: Record<string, string> = {}): Ref<'network'> =>
    db.insert('network', {
      name_label: name,
      name_description: description,
      bridge,
      MTU: 1500,
      other_config: other,
      managed: true,
    })
  const management = add('Pool-wide network associated with eth0', 'Management', 'xenbr0')
  add(
    'Host internal management network',
    'Network on which guests will be assigned a private link-local IP address which can be used to talk XenAPI',
    'xenapi',
    {
      is_guest_installer_network: 'true',
      is_host_internal_management_network: 'true',
      ip_begin: '169.254.0.1',
      ip_end: '169.254.255.254',
      netmask: '255.255.0.0',
    },
  )
  const guests = [
    add('Pool-wide network associated with eth1', 'Guests', 'xenbr1'),
    add('VLAN 20 servers', 'Servers', 'xapi0'),
    add('VLAN 30 desktops', 'Desktops', 'xapi1'),
  ]
  return { management, guests: [management, ...guests] }
}

function addPifs(
  context: GenerateContext,
  networks: NetworkSet,
  { host, index }: { host: Ref<'host'>; index: number },
): void {
  const { db, random, now } = context
  const physical = (device: string, network: Ref<'network'>, management: boolean): Ref<'PIF'> =>
    db.insert('PIF', {
      device,
      host,
      network,
      MAC: randomMac(random),
      MTU: 1500,
      VLAN: -1,
      physical: true,
      currently_attached: true,
      management,
      managed: true,
      capabilities: [],
      ...(management
        ? {
            ip_configuration_mode: 'Static' as const,
            IP: context.address(index),
            netmask: '255.0.0.0',
            gateway: '',
            DNS: '',
          }
        : {}),
      metrics: db.insert('PIF_metrics', {
        carrier: true,
        vendor_id: '15b3',
        vendor_name: 'Mellanox Technologies',
        device_id: '1015',
        device_name: 'MT27710 Family [ConnectX-4 Lx]',
        speed: 10_000,
        duplex: true,
        pci_bus_path: `0000:4${between(random, 0, 9)}:00.0`,
        last_updated: now,
      }),
    })
  physical('eth0', networks.management, true)
  const [, trunk, ...vlans] = networks.guests
  if (!trunk) return
  const tagged = physical('eth1', trunk, false)
  vlans.forEach((network, i) => addVlan(context, { host, tagged, network, tag: 20 + 10 * i }))
}

function addVlan(
  { db, now }: GenerateContext,
  { host, tagged, network, tag }: { host: Ref<'host'>; tagged: Ref<'PIF'>; network: Ref<'network'>; tag: number },
): void {
  const { MAC } = db.get('PIF', tagged)
  const metrics = db.insert('PIF_metrics', { carrier: true, speed: 10_000, duplex: true, last_updated: now })
  const untagged = db.insert('PIF', {
    device: 'eth1',
    host,
    network,
    MAC,
    MTU: 1500,
    VLAN: tag,
    currently_attached: true,
    metrics,
  })
  const vlan = db.insert('VLAN', { tag, tagged_PIF: tagged, untagged_PIF: untagged })
  db.update(untagged, { VLAN_master_of: vlan })
}
