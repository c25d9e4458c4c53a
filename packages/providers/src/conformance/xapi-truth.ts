// What the inventory of a pool has to be, worked out a second time: from all records at once, by the hosts' own lists of what belongs
// to what, without regard to speed, and sharing no code with the provider. Where the two differ, one of them is wrong.
import type { Records, Ref, Xapi } from '@nixen/xapi'

type Fields = Record<string, unknown>
type Text = Readonly<Record<string, string>>

const classes = [
  'pool',
  'host',
  'host_metrics',
  'Certificate',
  'VM',
  'VM_metrics',
  'VM_guest_metrics',
  'VBD',
  'VIF',
  'VDI',
  'SR',
  'PBD',
  'SM',
  'PIF',
  'PIF_metrics',
  'network',
  'task',
  'message',
] as const
type Read = { readonly [C in (typeof classes)[number]]: ReadonlyMap<string, Records[C]> }

/** Every resource of a pool by its id. Ask while nothing changes. */
export async function xapiTruth(xapi: Xapi, connection: string): Promise<Map<string, Fields>> {
  const tables: Partial<Record<string, unknown>> = {}
  for (const name of classes) {
    tables[name] = await xapi.call(`${name}.get_all_records`, [], {
      session: true,
      resultType: `map(ref:${name},record:${name})`,
    })
  }
  // One table for each class, of the types asked for.
  return new Truth(tables as Read, connection).all()
}

class Truth {
  readonly #db: Read
  readonly #connection: string
  readonly #pool: Records['pool']

  constructor(db: Read, connection: string) {
    this.#db = db
    this.#connection = connection
    const [pool] = db.pool.values()
    if (!pool) throw new TypeError('A pool has a record of itself')
    this.#pool = pool
  }

  all(): Map<string, Fields> {
    const { host, VM, SR, VDI, VIF, PIF, network, task, message } = this.#db
    const objects = [
      this.#poolFields(),
      ...[...host].map(([ref, record]) => this.#host(ref, record)),
      ...[...VM].map(([ref, record]) => this.#vm(ref, record)),
      ...[...SR].map(([ref, record]) => this.#storage(ref, record)),
      ...[...VDI].map(([ref, record]) => this.#disk(ref, record)),
      ...[...VIF.values()].map((record) => this.#vmNic(record)),
      ...[...PIF.values()].map((record) => this.#hostNic(record)),
      ...[...network].map(([ref, record]) => this.#network(ref, record)),
      ...[...task.values()].map((record) => this.#task(record)),
      ...[...message.values()].map((record) => this.#alarm(record)),
    ]
    const known = objects.filter((object) => object !== undefined).map(withoutAbsent)
    return new Map(known.map((object) => [String(object['id']), object]))
  }

  #id(type: string, record: { readonly uuid: string }): string {
    return `${type}.${this.#connection}.${record.uuid}`
  }

  #common(
    type: string,
    record: { uuid: string; name_label: string; name_description: string; tags: readonly string[] },
  ) {
    return {
      id: this.#id(type, record),
      connection: this.#connection,
      pool: this.#id('pool', this.#pool),
      name: record.name_label,
      description: record.name_description || undefined,
      tags: [...new Set(record.tags)].sort(),
    }
  }

  #poolFields(): Fields {
    const { pool: _, ...common } = this.#common('pool', this.#pool)
    const hosts = [...this.#db.host.values()]
    const metrics = hosts.map((host) => this.#get('host_metrics', host.metrics))
    const vms = [...this.#db.VM.values()].filter(isMachine)
    const master = this.#get('host', this.#pool.master)
    const versions = new Set(hosts.map(versionOf))
    return {
      ...common,
      name: this.#pool.name_label || master?.name_label,
      kind: 'xapi',
      master: master && this.#id('host', master),
      hosts: hosts.length,
      vms: vms.length,
      running: vms.filter((vm) => vm.power_state === 'Running').length,
      cpus: sum(hosts.map((host) => Number(host.cpu_info['cpu_count'] ?? 0))),
      memory: sum(metrics.map((row) => row?.memory_total ?? 0)),
      memoryUsed: sum(metrics.map((row) => (row?.memory_free === undefined ? 0 : row.memory_total - row.memory_free))),
      version: versions.size === 1 ? [...versions][0] : undefined,
      defaultStorage: this.#idOf('storage', 'SR', this.#pool.default_SR),
      ha: this.#pool.ha_enabled,
      autoStart: this.#pool.other_config['auto_poweron'] === 'true',
      updating: false,
    }
  }

  #host(ref: string, record: Records['host']): Fields {
    const metrics = this.#get('host_metrics', record.metrics)
    const { cpu_info: cpu, software_version: software } = record
    const running = [...this.#db.VM.values()].filter((vm) => isMachine(vm) && vm.resident_on === ref)
    const certificate = record.certificates
      .map((key) => this.#get('Certificate', key))
      .find((row) => row?.type === 'host')
    return {
      ...this.#common('host', record),
      power: metrics ? (metrics.live ? 'running' : 'halted') : 'unknown',
      enabled: record.enabled,
      master: this.#pool.master === ref,
      hostname: record.hostname || undefined,
      address: record.address || undefined,
      product: withoutAbsent({
        name: software['product_brand'],
        version: software['product_version'],
        build: software['build_number'],
        hypervisor: software['xen'] && `Xen ${software['xen']}`,
        api: `${record.API_version_major}.${record.API_version_minor}`,
      }),
      cpu: {
        threads: Number(cpu['cpu_count']),
        model: cpu['modelname'],
        vendor: cpu['vendor'],
        sockets: Number(cpu['socket_count']),
        cores: Number(cpu['cpu_count']) / Number(cpu['threads_per_core']),
      },
      memory: metrics?.memory_total,
      memoryUsed: metrics?.memory_free === undefined ? undefined : metrics.memory_total - metrics.memory_free,
      vms: running.filter((vm) => vm.power_state === 'Running').length,
      started: Math.round(Number(record.other_config['boot_time']) * 1000) || undefined,
      needsReboot: record.updates_requiring_reboot.length > 0 || !!record.pending_guidances?.includes('reboot_host'),
      certificate: certificate?.fingerprint_sha256?.toUpperCase(),
      iommu: record.chipset_info['iommu'] === 'true',
      busy: busy(record.current_operations),
    }
  }

  #vm(ref: string, record: Records['VM']): Fields | undefined {
    if (record.is_control_domain) return undefined
    if (record.is_a_snapshot) return this.#snapshot(ref, record)
    return record.is_a_template ? this.#template(record) : this.#machine(ref, record)
  }

  #machine(ref: string, record: Records['VM']): Fields {
    const live = record.power_state === 'Running' || record.power_state === 'Paused'
    const metrics = this.#get('VM_metrics', record.metrics)
    const guest = this.#get('VM_guest_metrics', record.guest_metrics)
    const disks = this.#disksOf(record)
    const snapshots = [...this.#db.VM.values()].filter((vm) => vm.is_a_snapshot && vm.snapshot_of === ref)
    const addresses =
      live && guest
        ? unique(
            Object.keys(guest.networks)
              .sort()
              .map((key) => guest.networks[key] ?? ''),
          )
        : []
    return {
      ...this.#common('vm', record),
      power: ['Running', 'Paused', 'Suspended', 'Halted'].includes(record.power_state)
        ? record.power_state.toLowerCase()
        : 'unknown',
      host: this.#idOf('host', 'host', record.resident_on),
      homeHost: this.#idOf('host', 'host', record.affinity),
      vcpus: (live && metrics?.VCPUs_number) || record.VCPUs_at_startup,
      vcpusMax: record.VCPUs_max,
      memory: (live && (metrics?.memory_actual || record.memory_target)) || record.memory_dynamic_max,
      memoryMin: record.memory_dynamic_min,
      memoryMax: record.memory_dynamic_max,
      os: guest && osOf(guest.os_version),
      agent: guest && agentOf(guest, live),
      hostname: guest?.netbios_name?.['host_name'],
      ips: [...addresses.filter((ip) => !ip.includes(':')), ...addresses.filter((ip) => ip.includes(':'))],
      drives: this.#drives(record),
      diskSize: sum(disks.map((disk) => disk.virtual_size)),
      diskUsed: sum(disks.map((disk) => disk.physical_utilisation)),
      nics: record.VIFs.map((vif) => this.#get('VIF', vif))
        .filter((vif) => vif !== undefined)
        .sort((a, b) => Number(a.device) - Number(b.device))
        .map((vif) => this.#id('nic', vif)),
      snapshots: snapshots.length,
      lastSnapshot: Math.max(0, ...snapshots.map((snapshot) => snapshot.snapshot_time)) || undefined,
      firmware: record.HVM_boot_policy === '' ? undefined : (record.HVM_boot_params['firmware'] ?? 'bios'),
      secureBoot: yes(record.platform['secureboot']),
      tpm: record.VTPMs.length > 0,
      virtualization: live && metrics?.hvm ? 'hvm' : record.domain_type,
      autoStart: record.other_config['auto_poweron'] === 'true',
      ha: record.ha_restart_priority || 'off',
      started: (live && metrics?.start_time) || undefined,
      created: metrics?.install_time || undefined,
      busy: busy(record.current_operations),
      blocked: blocked(record.blocked_operations),
      notes: record.other_config['nixen:notes'] || undefined,
      fields: customFields(record.other_config),
    }
  }

  #template(record: Records['VM']): Fields {
    const disks = this.#disksOf(record)
    return {
      ...this.#common('template', record),
      default: record.is_default_template,
      vcpus: record.VCPUs_at_startup,
      memory: record.memory_dynamic_max,
      firmware: record.HVM_boot_policy === '' ? undefined : (record.HVM_boot_params['firmware'] ?? 'bios'),
      os: record.reference_label || undefined,
      disks: disks.map((disk) => this.#id('disk', disk)),
      diskSize: sum(disks.map((disk) => disk.virtual_size)),
      created: this.#get('VM_metrics', record.metrics)?.install_time || undefined,
    }
  }

  #snapshot(ref: string, record: Records['VM']): Fields {
    const disks = this.#disksOf(record)
    const origin = this.#get('VM', record.snapshot_of)
    // What was made a template since is no VM any more.
    const source = origin && isMachine(origin) ? origin : undefined
    const parent = this.#get('VM', record.parent)
    return {
      ...this.#common('snapshot', record),
      vm: source && this.#id('vm', source),
      created: record.snapshot_time,
      memory: record.power_state === 'Suspended',
      parent: parent?.is_a_snapshot ? this.#id('snapshot', parent) : undefined,
      current: source?.parent === ref ? true : undefined,
      disks: disks.map((disk) => this.#id('disk', disk)),
      used: sum(disks.map((disk) => disk.physical_utilisation)),
      busy: busy(record.current_operations),
    }
  }

  #vbds(vm: Records['VM']): Records['VBD'][] {
    return vm.VBDs.map((ref) => this.#get('VBD', ref))
      .filter((vbd) => vbd !== undefined)
      .sort((a, b) => Number(a.userdevice) - Number(b.userdevice))
  }

  #drives(vm: Records['VM']): Fields[] {
    return this.#vbds(vm).map((vbd) =>
      withoutAbsent({
        key: vbd.uuid,
        disk: !vbd.empty && this.#get('VDI', vbd.VDI)?.managed ? this.#idOf('disk', 'VDI', vbd.VDI) : undefined,
        kind: vbd.type.toLowerCase(),
        device: vbd.device || undefined,
        position: Number(vbd.userdevice),
        boot: vbd.bootable,
        readOnly: vbd.mode === 'RO' || undefined,
        attached: vbd.currently_attached,
      }),
    )
  }

  #disksOf(vm: Records['VM']): Records['VDI'][] {
    const disks = this.#vbds(vm).filter((vbd) => vbd.type === 'Disk' && !vbd.empty)
    return disks
      .map((vbd) => this.#get('VDI', vbd.VDI))
      .filter((vdi) => vdi !== undefined)
      .filter((vdi) => vdi.managed)
  }

  #disk(ref: string, record: Records['VDI']): Fields | undefined {
    const storage = this.#get('SR', record.SR)
    if (!record.managed || !storage) return undefined
    const vbds = record.VBDs.map((key) => this.#get('VBD', key)).filter((vbd) => vbd !== undefined && !vbd.empty)
    const vms = vbds.map((vbd) => this.#get('VM', vbd?.VM ?? null))
    const owners = vbds.filter((vbd) => vbd?.type === 'Disk').map((vbd) => this.#get('VM', vbd?.VM ?? null))
    const snapshots = owners.filter((vm) => vm !== undefined).filter((vm) => vm.is_a_snapshot)
    const image = storage.content_type === 'iso' ? 'image' : 'disk'
    const own = ['system', 'user', 'ephemeral'].includes(record.type)
    return {
      ...this.#common('disk', record),
      storage: this.#id('storage', storage),
      kind: own ? image : record.type === 'suspend' ? 'suspend' : 'system',
      size: record.virtual_size,
      used: record.physical_utilisation,
      format: record.sm_config['image-format'] || record.sm_config['vdi_type'],
      vms: unique(
        vms.filter((vm) => vm !== undefined && isMachine(vm)).map((vm) => `vm.${this.#connection}.${vm?.uuid}`),
      ).sort(),
      attached: vbds.some((vbd) => vbd?.currently_attached),
      snapshotOf: record.is_a_snapshot ? this.#idOf('disk', 'VDI', record.snapshot_of) : undefined,
      snapshot: snapshots.map((vm) => this.#id('snapshot', vm)).sort()[0],
      snapshots: [...this.#db.VDI.values()].filter((vdi) => vdi.is_a_snapshot && vdi.managed && vdi.snapshot_of === ref)
        .length,
      readOnly: record.read_only || undefined,
      shareable: record.sharable || undefined,
      changeTracking: record.cbt_enabled || undefined,
      missing: record.missing || undefined,
      created: record.is_a_snapshot ? record.snapshot_time : undefined,
      busy: busy(record.current_operations),
    }
  }

  #storage(ref: string, record: Records['SR']): Fields {
    const pbds = record.PBDs.map((key) => this.#get('PBD', key)).filter((pbd) => pbd !== undefined)
    const attached = new Set(pbds.filter((pbd) => pbd.currently_attached).map((pbd) => pbd.host))
    const wanted = record.shared ? [...this.#db.host.keys()] : pbds.map((pbd) => pbd.host as string)
    const missing = wanted.filter((host) => !attached.has(host as Ref<'host'>))
    const ids = (hosts: Iterable<string>) => [...hosts].map((host) => this.#idOf('host', 'host', host) ?? '').sort()
    const driver = [...this.#db.SM.values()].find((sm) => sm.type === record.type)
    return {
      ...this.#common('storage', record),
      kind: record.type,
      content: record.content_type === 'iso' ? 'images' : record.type === 'udev' ? 'other' : 'disks',
      state: attached.size === 0 ? 'detached' : missing.length > 0 ? 'degraded' : 'ok',
      shared: record.shared,
      hosts: ids(attached),
      missing: missing.length > 0 ? ids(missing) : undefined,
      size: Number(record.physical_size),
      used: Number(record.physical_utilisation),
      allocated: Number(record.virtual_allocation),
      disks: record.VDIs.filter((vdi) => this.#get('VDI', vdi)?.managed).length,
      default: this.#pool.default_SR === ref,
      thin: { ext: true, nfs: true, lvm: false }[record.type],
      changeTracking: driver && 'VDI_CONFIG_CBT' in driver.features,
    }
  }

  #network(_: string, record: Records['network']): Fields {
    const pifs = record.PIFs.map((ref) => this.#get('PIF', ref)).filter((pif) => pif !== undefined)
    const tags = new Set(pifs.map((pif) => pif.VLAN))
    const [vlan = -1] = tags
    const nics = record.VIFs.map((ref) => this.#get('VM', this.#get('VIF', ref)?.VM ?? null))
    return {
      ...this.#common('network', record),
      kind: pifs.length > 0 ? 'external' : 'internal',
      bridge: record.bridge || undefined,
      mtu: record.MTU || undefined,
      vlan: tags.size === 1 && vlan >= 0 ? vlan : undefined,
      nics: nics.filter((vm) => vm !== undefined && isMachine(vm)).length,
      default: record.other_config['automatic'] === 'true',
      nbd: record.purpose.length > 0 || undefined,
    }
  }

  #vmNic(record: Records['VIF']): Fields | undefined {
    const vm = this.#get('VM', record.VM)
    if (!vm || !isMachine(vm)) return undefined
    const live = vm.power_state === 'Running' || vm.power_state === 'Paused'
    const networks = (live && this.#get('VM_guest_metrics', vm.guest_metrics)?.networks) || {}
    const own = Object.keys(networks).filter((key) => key.startsWith(`${record.device}/`))
    const ips = unique(own.sort().map((key) => networks[key] ?? ''))
    return {
      id: this.#id('nic', record),
      connection: this.#connection,
      pool: this.#id('pool', this.#pool),
      vm: this.#id('vm', vm),
      network: this.#idOf('network', 'network', record.network),
      name: `eth${record.device}`,
      kind: 'virtual',
      position: Number(record.device),
      mac: record.MAC.toLowerCase(),
      mtu: record.MTU,
      attached: record.currently_attached,
      ips: [...ips.filter((ip) => !ip.includes(':')), ...ips.filter((ip) => ip.includes(':'))],
      locking: record.locking_mode === 'network_default' ? 'network' : record.locking_mode,
      allowedIps: record.locking_mode === 'locked' ? [...record.ipv4_allowed, ...record.ipv6_allowed] : undefined,
      busy: busy(record.current_operations),
    }
  }

  #hostNic(record: Records['PIF']): Fields {
    const metrics = this.#get('PIF_metrics', record.metrics)
    const tagged = record.VLAN >= 0
    return {
      id: this.#id('nic', record),
      connection: this.#connection,
      pool: this.#id('pool', this.#pool),
      host: this.#idOf('host', 'host', record.host),
      network: this.#idOf('network', 'network', record.network),
      name: tagged ? `${record.device}.${record.VLAN}` : record.device,
      kind: tagged ? 'vlan' : record.bond_master_of.length > 0 ? 'bond' : 'physical',
      mac: record.MAC.toLowerCase() || undefined,
      mtu: record.MTU,
      vlan: tagged ? record.VLAN : undefined,
      attached: record.currently_attached,
      carrier: metrics?.carrier,
      speed: metrics && metrics.speed > 0 ? metrics.speed * 1e6 : undefined,
      ips: [record.IP, ...record.IPv6.map((ip) => ip.replace(/\/.*/, ''))].filter((ip) => ip !== ''),
      management: record.management,
    }
  }

  #task(record: Records['task']): Fields {
    const words: Text = { pending: 'running', success: 'succeeded', failure: 'failed' }
    const ended = record.status !== 'pending' && record.status !== 'cancelling'
    const [code = '', ...params] = record.error_info
    return {
      id: this.#id('task', record),
      connection: this.#connection,
      name: record.name_description || record.name_label,
      action: record.name_label,
      state: words[record.status] ?? record.status,
      progress: record.progress,
      on: [],
      parent: this.#idOf('task', 'task', record.subtask_of),
      cancellable: !ended && record.allowed_operations.includes('cancel'),
      created: record.created,
      finished: ended ? record.finished : undefined,
      error:
        record.status === 'failure'
          ? {
              code: `xapi.${code}`,
              message: `The host answered ${code}${params.length > 0 ? ` (${params.join(', ')})` : ''}.`,
              details: { params },
            }
          : undefined,
    }
  }

  #alarm(record: Records['message']): Fields {
    const vm = [...this.#db.VM.values()].find(({ uuid }) => uuid === record.obj_uuid)
    const types: Text = { Host: 'host', SR: 'storage', Pool: 'pool', VDI: 'disk' }
    const type = record.cls === 'VM' ? vm && kindOf(vm) : types[record.cls]
    return {
      id: this.#id('alarm', record),
      connection: this.#connection,
      name: record.name,
      message: record.body || record.name.slice(0, 1) + record.name.slice(1).toLowerCase().replaceAll('_', ' '),
      severity: record.priority < 3 ? 'critical' : record.priority > 3 ? 'info' : 'warning',
      on: type && `${type}.${this.#connection}.${record.obj_uuid}`,
      time: record.timestamp,
    }
  }

  #get<C extends keyof Read>(name: C, ref: string | null): Records[C] | undefined {
    return ref === null ? undefined : this.#db[name].get(ref)
  }

  #idOf(type: string, name: keyof Read, ref: string | null): string | undefined {
    const record = this.#get(name, ref)
    return record && this.#id(type, record)
  }
}

const isMachine = (vm: Records['VM']): boolean => kindOf(vm) === 'vm'

function kindOf(vm: Records['VM']): string | undefined {
  if (vm.is_control_domain) return undefined
  return vm.is_a_snapshot ? 'snapshot' : vm.is_a_template ? 'template' : 'vm'
}

function versionOf({ software_version: { product_brand: brand, product_version: version } }: Records['host']): string {
  return `${brand} ${version}`
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0)
const unique = (list: readonly string[]): string[] => [...new Set(list)]
const yes = (text: string | undefined): boolean | undefined => (text === undefined ? undefined : text === 'true')

function customFields(config: Text): Text | undefined {
  const found = Object.entries(config).flatMap(([key, value]) => {
    const name = /^XenCenter\.CustomFields\.(.*)$/s.exec(key)?.[1]
    return name === undefined ? [] : [[name, value] as const]
  })
  return found.length === 0 ? undefined : Object.fromEntries(found)
}

function blocked(operations: Text): Text | undefined {
  const renamed = Object.entries(operations).map(([name, reason]) => [name === 'destroy' ? 'delete' : name, reason])
  return renamed.length > 0 ? (Object.fromEntries(renamed) as Text) : undefined
}

function busy(operations: Text): string[] | undefined {
  const words: Text = { hard_shutdown: 'shutdown', clean_shutdown: 'shutdown', destroy: 'delete', copy: 'clone' }
  const names = unique(Object.values(operations).map((name) => words[name] ?? name.replaceAll('_', '-'))).sort()
  return names.length > 0 ? names : undefined
}

function osOf({ name: text, uname, major, minor }: Text): Fields | undefined {
  const name = text?.replace(/\|.*/, '')
  if (!name) return undefined
  return withoutAbsent({
    name,
    family: /windows/i.test(name) ? 'windows' : 'linux',
    version: [major, minor].filter(Boolean).join('.') || undefined,
    kernel: uname || undefined,
  })
}

function agentOf(guest: Records['VM_guest_metrics'], live: boolean): Fields {
  const { major, minor, micro, build } = guest.PV_drivers_version
  return {
    running: guest.live && live,
    drivers: true,
    version: `${major}.${minor}.${micro}-${build}`,
    ...(guest.PV_drivers_up_to_date ? {} : { outdated: true }),
  }
}

function withoutAbsent(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}
