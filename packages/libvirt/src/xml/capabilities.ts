import { countOf, parseXml, sizeOf } from './parse.ts'

/** What a host is, from `connectGetCapabilities`. */
export interface HostCapabilities {
  /** SMBIOS uuid of the machine, or the one of the daemon's configuration. */
  readonly uuid: string
  readonly arch: string
  readonly cpuModel: string | undefined
  readonly cpuVendor: string | undefined
  readonly sockets: number | undefined
  readonly cores: number | undefined
  readonly threads: number | undefined
  /** Bytes. */
  readonly memory: number | undefined
  readonly iommu: boolean
  /** What guests can be: `hvm` on `x86_64` as `qemu` or `kvm`. `kvm` here only says that /dev/kvm is there. */
  readonly guests: readonly {
    readonly osType: string
    readonly arch: string
    readonly domainTypes: readonly string[]
  }[]
}

/** @throws libvirt.bad_xml */
export function parseCapabilities(text: string): HostCapabilities {
  const xml = parseXml(text, { root: 'capabilities' })
  const cpu = xml.find('host', 'cpu')
  const topology = cpu?.find('topology')
  const cells = xml.find('host', 'topology', 'cells')?.children('cell') ?? []
  const memory = cells.map((cell) => sizeOf(cell.find('memory'), 'KiB') ?? 0).reduce((sum, size) => sum + size, 0)
  return {
    uuid: xml.text('host', 'uuid'),
    arch: cpu?.text('arch') ?? '',
    cpuModel: cpu?.text('model') || undefined,
    cpuVendor: cpu?.text('vendor') || undefined,
    sockets: countOf(topology?.get('sockets')),
    cores: countOf(topology?.get('cores')),
    threads: countOf(topology?.get('threads')),
    memory: memory > 0 ? memory : undefined,
    iommu: xml.find('host', 'iommu')?.get('support') === 'yes',
    guests: xml.children('guest').map((guest) => ({
      osType: guest.text('os_type'),
      arch: guest.find('arch')?.get('name') ?? '',
      domainTypes:
        guest
          .find('arch')
          ?.children('domain')
          .map((one) => one.get('type') ?? '') ?? [],
    })),
  }
}
