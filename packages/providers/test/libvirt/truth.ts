import {
  parseCapabilities,
  parseDomain,
  parseNetwork,
  parseNodeDevice,
  parseStorageVolume,
  parseXml,
  type Libvirt,
} from '@nixen/libvirt'

type Truth = Map<string, Readonly<Record<string, unknown>>>
const connection = 'test'
const id = (type: string, key: string): string =>
  `${type}.${connection}.${key.replaceAll(/[^A-Za-z0-9._-]/g, (letter) => [...Buffer.from(letter)].map((byte) => `~${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''))}`

/** What a daemon has, in Nixen's terms: asked for piece by piece, without the provider's model. */
export async function libvirtTruth({ call }: Libvirt): Promise<Truth> {
  const truth: Truth = new Map()
  const { uuid: host, ...machine } = parseCapabilities((await call.connectGetCapabilities()).capabilities)
  const common = { connection, pool: id('pool', host), tags: [] as string[] }
  const info = await call.nodeGetInfo()
  const memory = Number(info.memory) * 1024
  const { hostname } = await call.connectGetHostname()
  const version = dotted((await call.connectGetLibVersion()).libVer)

  const domains = []
  for (const dom of (await call.connectListAllDomains({ needResults: 1, flags: 0 })).domains) {
    const { state } = await call.domainGetState({ dom })
    domains.push({
      dom,
      spec: parseDomain((await call.domainGetXmlDesc({ dom })).xml),
      power: state === 1 ? 'running' : state === 3 ? 'paused' : 'halted',
      autoStart: (await call.domainGetAutostart({ dom })).autostart === 1,
      snapshots: await Promise.all(
        (await call.domainListAllSnapshots({ dom, needResults: 1 })).snapshots.map(async (snap) =>
          parseXml((await call.domainSnapshotGetXmlDesc({ snap })).xml),
        ),
      ),
    })
  }
  const live = domains.filter(({ power }) => power !== 'halted')
  const memoryUsed = live.reduce((sum, { spec }) => sum + spec.memory, 0)

  const volumes = new Map<string, { key: string; size: number; used: number }>()
  const { pools } = await call.connectListAllStoragePools({ needResults: 1 })
  for (const pool of pools) {
    const { state, capacity, allocation } = await call.storagePoolGetInfo({ pool })
    const { vols } = state === 2 ? await call.storagePoolListAllVolumes({ pool, needResults: 1 }) : { vols: [] }
    let allocated = 0
    for (const vol of vols) {
      const volume = parseStorageVolume((await call.storageVolGetXmlDesc({ vol })).xml)
      volumes.set(volume.path, { key: vol.key, size: volume.capacity, used: volume.allocation ?? 0 })
      allocated += volume.capacity
      const users = domains.filter(({ spec }) =>
        spec.disks.some(({ backing }) => 'path' in backing && backing.path === volume.path),
      )
      truth.set(id('disk', vol.key), {
        ...common,
        id: id('disk', vol.key),
        storage: id('storage', pool.uuid),
        name: vol.name,
        kind: 'disk',
        size: volume.capacity,
        used: volume.allocation,
        format: volume.format,
        vms: users.map(({ dom }) => id('vm', dom.uuid)).toSorted(),
        attached: users.some((user) => live.includes(user)),
        snapshots: 0,
        changeTracking: volume.format === 'qcow2',
      })
    }
    truth.set(id('storage', pool.uuid), {
      ...common,
      id: id('storage', pool.uuid),
      name: pool.name,
      kind: 'dir',
      content: 'mixed',
      state: state === 2 ? 'ok' : 'detached',
      shared: false,
      hosts: state === 2 ? [id('host', host)] : [],
      allocated,
      disks: vols.length,
      default: pool.name === 'default',
      changeTracking: true,
      ...(state === 2 ? { size: Number(capacity), used: Number(allocation) } : {}),
    })
  }

  for (const { dom, spec, power, autoStart, snapshots } of domains) {
    const isLive = power !== 'halted'
    const own = spec.disks.map(({ backing }) => volumes.get('path' in backing ? backing.path : ''))
    const times = snapshots.map((one) => Number(one.text('creationTime')) * 1000)
    truth.set(id('vm', dom.uuid), {
      ...common,
      id: id('vm', dom.uuid),
      name: spec.name,
      ...(spec.description === '' ? {} : { description: spec.description }),
      power,
      ...(isLive ? { host: id('host', host) } : {}),
      vcpus: spec.vcpus,
      vcpusMax: spec.vcpusMax,
      memory: spec.memory,
      memoryMin: Math.min(spec.memory, spec.memoryMax),
      memoryMax: spec.memoryMax,
      ips: [],
      drives: spec.disks.map(({ target }, position) => ({
        key: target,
        kind: 'disk',
        device: target,
        position,
        boot: spec.bootDevices.includes('hd') && position === 0,
        attached: isLive,
        ...(own[position] ? { disk: id('disk', own[position].key) } : {}),
      })),
      diskSize: own.reduce((sum, volume) => sum + (volume?.size ?? 0), 0),
      diskUsed: own.reduce((sum, volume) => sum + (volume?.used ?? 0), 0),
      nics: spec.nics.map(({ mac }) => id('nic', `${dom.uuid}.${mac?.replaceAll(':', '')}`)),
      snapshots: snapshots.length,
      ...(times.length > 0 ? { lastSnapshot: Math.max(...times) } : {}),
      tpm: false,
      autoStart,
      virtualization: 'emulated',
      firmware: 'bios',
      secureBoot: false,
      agent: { running: false, drivers: true },
    })
    for (const [position, nic] of spec.nics.entries()) {
      const key = id('nic', `${dom.uuid}.${nic.mac?.replaceAll(':', '')}`)
      truth.set(key, {
        ...withoutTags(common),
        id: key,
        vm: id('vm', dom.uuid),
        name: nic.target ?? `nic${position}`,
        kind: 'virtual',
        position,
        attached: isLive,
        ips: [],
        mac: nic.mac,
        model: nic.model,
      })
    }
    const current =
      (await call.domainHasCurrentSnapshot({ dom })).result === 1
        ? (await call.domainSnapshotCurrent({ dom })).snap.name
        : ''
    for (const one of snapshots) {
      const name = one.text('name')
      const parent = one.text('parent', 'name')
      truth.set(id('snapshot', `${dom.uuid}.${name}`), {
        ...common,
        id: id('snapshot', `${dom.uuid}.${name}`),
        vm: id('vm', dom.uuid),
        name,
        created: Number(one.text('creationTime')) * 1000,
        memory: one.find('memory')?.get('snapshot') === 'internal',
        disks: [],
        ...(name === current ? { current: true } : {}),
        ...(parent === '' ? {} : { parent: id('snapshot', `${dom.uuid}.${parent}`) }),
      })
    }
  }

  for (const net of (await call.connectListAllNetworks({ needResults: 1 })).nets) {
    const { name, forward, bridge } = parseNetwork((await call.networkGetXmlDesc({ net })).xml)
    const kind = forward === 'isolated' ? 'internal' : forward
    truth.set(id('network', net.uuid), {
      ...common,
      id: id('network', net.uuid),
      name,
      kind,
      nics: 0,
      default: name === 'default',
      ...(bridge === undefined ? {} : { bridge }),
    })
  }
  for (const { name } of (await call.connectListAllNodeDevices({ needResults: 1, flags: 16 })).devices) {
    const device = parseNodeDevice((await call.nodeDeviceGetXmlDesc({ name })).xml)
    const link = device.xml.find('capability', 'link')
    const speed = Number(link?.get('speed'))
    if (device.interface === undefined || /^(lo|vnet\d+|tap\d+)$/.test(device.interface)) continue
    const carrier = link?.get('state') === undefined ? {} : { carrier: link.get('state') === 'up' }
    truth.set(id('nic', name), {
      ...withoutTags(common),
      id: id('nic', name),
      host: id('host', host),
      name: device.interface,
      kind: 'physical',
      attached: carrier.carrier ?? true,
      ips: [],
      mac: device.mac,
      ...carrier,
      ...(speed > 0 && speed < 0xff_ff_ff_ff ? { speed: speed * 1_000_000 } : {}),
    })
  }

  const pool = pools.find(({ name }) => name === 'default')
  truth.set(id('pool', host), {
    id: id('pool', host),
    connection,
    name: hostname,
    tags: [],
    kind: 'libvirt',
    master: id('host', host),
    hosts: 1,
    vms: domains.length,
    running: live.length,
    cpus: info.cpus,
    memory,
    memoryUsed,
    version: `libvirt ${version}`,
    ...(pool ? { defaultStorage: id('storage', pool.uuid) } : {}),
  })
  truth.set(id('host', host), {
    ...common,
    id: id('host', host),
    name: hostname,
    power: 'running',
    enabled: true,
    master: true,
    hostname,
    product: { name: 'libvirt', version, hypervisor: `QEMU ${dotted((await call.connectGetVersion()).hvVer)}` },
    cpu: {
      sockets: info.sockets * info.nodes,
      cores: info.sockets * info.nodes * info.cores,
      threads: info.cpus,
      ...(machine.cpuModel === undefined ? {} : { model: machine.cpuModel }),
      ...(machine.cpuVendor === undefined ? {} : { vendor: machine.cpuVendor }),
    },
    memory,
    memoryUsed,
    vms: live.length,
    iommu: machine.iommu,
  })
  for (const [key, name, description, firmware, os] of templates) {
    const built = {
      name,
      description,
      default: true,
      vcpus: 1,
      memory: 1024 ** 3,
      disks: [],
      diskSize: 0,
      firmware,
      os,
    }
    truth.set(id('template', key), { ...common, id: id('template', key), ...built })
  }
  return truth
}

const templates = [
  ['linux-uefi', 'Linux (UEFI)', 'q35, UEFI, virtio disks and NICs, guest agent channel.', 'uefi', 'linux'],
  ['linux-bios', 'Linux (BIOS)', 'q35, BIOS, virtio disks and NICs, guest agent channel.', 'bios', 'linux'],
  [
    'windows-uefi',
    'Windows (UEFI)',
    'q35, UEFI, SATA disks, e1000e NIC, Hyper-V interfaces; drivers of virtio can come later.',
    'uefi',
    'windows',
  ],
] as const

const dotted = (value: bigint): string => `${value / 1_000_000n}.${(value / 1000n) % 1000n}.${value % 1000n}`

/** NICs have no tags. */
function withoutTags<T extends { readonly tags: unknown }>({ tags: _tags, ...rest }: T): Omit<T, 'tags'> {
  return rest
}
