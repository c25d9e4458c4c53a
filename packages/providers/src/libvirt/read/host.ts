import {
  optional,
  parseCapabilities,
  parseNetwork,
  parseNodeDevice,
  constants as c,
  type Libvirt,
  type Network,
} from '@nixen/libvirt'
import { isGone } from '../errors.ts'
import type { HostNicRow, HostRow, NetworkRow } from '../model/rows.ts'

/** Reads what a host is. */
export async function readHost({ call }: Libvirt): Promise<HostRow> {
  const [info, capabilities, { hostname }, { type }, version, { libVer }] = await Promise.all([
    call.nodeGetInfo(),
    optional(call.connectGetCapabilities()),
    call.connectGetHostname(),
    call.connectGetType(),
    optional(call.connectGetVersion()),
    call.connectGetLibVersion(),
  ])
  const known = capabilities ? parseCapabilities(capabilities.capabilities) : undefined
  return {
    key: known?.uuid || `${hostname}-${type}`.toLowerCase(),
    hostname,
    arch: known?.arch || new TextDecoder().decode(info.model).replaceAll('\0', ''),
    hypervisor: type,
    hypervisorVersion: versionText(version?.hvVer ?? 0n),
    libvirtVersion: versionText(libVer),
    cpuModel: known?.cpuModel,
    cpuVendor: known?.cpuVendor,
    sockets: info.sockets * info.nodes,
    cores: info.sockets * info.nodes * info.cores,
    threads: info.cpus,
    memory: Number(info.memory) * 1024,
    iommu: known?.iommu ?? false,
  }
}

/** `MAJOR * 1,000,000 + MINOR * 1000 + RELEASE` */
function versionText(version: bigint): string {
  return `${version / 1_000_000n}.${(version / 1000n) % 1000n}.${version % 1000n}`
}

export async function listNetworks({ call }: Libvirt): Promise<readonly Network[]> {
  return (await optional(call.connectListAllNetworks({ needResults: 1 })))?.nets ?? []
}

/** Reads a network; `undefined` when it is gone. */
export async function readNetwork({ call }: Libvirt, net: Network): Promise<NetworkRow | undefined> {
  try {
    const [text, { active }] = await Promise.all([call.networkGetXmlDesc({ net }), call.networkIsActive({ net })])
    const { xml: _, ...network } = parseNetwork(text.xml)
    return { ...network, net, isActive: active === 1 }
  } catch (error) {
    if (isGone(error)) return undefined
    throw error
  }
}

/** The NICs of the host itself; none where the daemon does not tell. */
export async function readHostNics({ call }: Libvirt): Promise<readonly HostNicRow[]> {
  const flags = c.VIR_CONNECT_LIST_NODE_DEVICES_CAP_NET
  const devices = (await optional(call.connectListAllNodeDevices({ needResults: 1, flags })))?.devices ?? []
  const rows: HostNicRow[] = []
  for (const { name } of devices) {
    const text = await call.nodeDeviceGetXmlDesc({ name }).catch((error: unknown) => {
      if (isGone(error)) return undefined
      throw error
    })
    const device = text && parseNodeDevice(text.xml)
    // Loopback and the taps of VMs are no NICs of the host.
    if (!device || device.interface === undefined || /^(lo|vnet\d+|tap\d+)$/.test(device.interface)) continue
    const link = device.xml.find('capability', 'link')
    const speed = Number(link?.get('speed'))
    rows.push({
      device: name,
      name: device.interface,
      mac: device.mac,
      carrier: link?.get('state') === undefined ? undefined : link.get('state') === 'up',
      // An unknown speed is -1 in 32 bits.
      speed: speed > 0 && speed < 0xff_ff_ff_ff ? speed * 1_000_000 : undefined,
    })
  }
  return rows
}
