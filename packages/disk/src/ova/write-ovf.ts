/** A virtual machine for {@link writeOvf}. */
export interface OvfMachine {
  readonly name: string
  readonly description: string
  readonly cpus: number
  /** Bytes. */
  readonly memory: number
  readonly firmware: 'bios' | 'uefi'
  /** Stream-optimized VMDKs, by the names of their files beside the descriptor. */
  readonly disks: readonly { readonly file: string; readonly size: number }[]
  readonly nics: readonly { readonly network: string; readonly mac: string }[]
}

const format = 'http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized'
const MiB = 1024 * 1024
/** Disks of one SATA controller. */
const perController = 30

/**
 * An OVF 1.1 descriptor (DMTF DSP0243) of one virtual machine, with what VMware, VirtualBox and Proxmox VE ask for: a SATA controller for the disks,
 * E1000 cards, and VMware's own word for UEFI. Files have no size in it: they may be made after it.
 */
export function writeOvf(machine: OvfMachine): string {
  const { name, description, cpus, memory, disks, nics } = machine
  const networks = [...new Set(nics.map(({ network }) => network))]
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1" xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData" xmlns:vssd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData" xmlns:vmw="http://www.vmware.com/schema/ovf">',
    '  <References>',
    ...disks.map(({ file }, i) => `    <File ovf:id="file${i + 1}" ovf:href="${escape(file)}"/>`),
    '  </References>',
    '  <DiskSection>',
    '    <Info>Virtual disks</Info>',
    ...disks.map(
      ({ size }, i) =>
        `    <Disk ovf:diskId="disk${i + 1}" ovf:fileRef="file${i + 1}" ovf:capacity="${size}" ovf:capacityAllocationUnits="byte" ovf:format="${format}"/>`,
    ),
    '  </DiskSection>',
    '  <NetworkSection>',
    '    <Info>Networks</Info>',
    ...networks.map(
      (network) => `    <Network ovf:name="${escape(network)}"><Description>${escape(network)}</Description></Network>`,
    ),
    '  </NetworkSection>',
    `  <VirtualSystem ovf:id="${escape(name)}">`,
    '    <Info>A virtual machine</Info>',
    `    <Name>${escape(name)}</Name>`,
    '    <AnnotationSection>',
    '      <Info>Notes</Info>',
    `      <Annotation>${escape(description)}</Annotation>`,
    '    </AnnotationSection>',
    '    <OperatingSystemSection ovf:id="1"><Info>Guest</Info><Description>Other</Description></OperatingSystemSection>',
    '    <VirtualHardwareSection>',
    '      <Info>Hardware</Info>',
    '      <System>',
    '        <vssd:ElementName>Virtual Hardware Family</vssd:ElementName>',
    '        <vssd:InstanceID>0</vssd:InstanceID>',
    `        <vssd:VirtualSystemIdentifier>${escape(name)}</vssd:VirtualSystemIdentifier>`,
    '        <vssd:VirtualSystemType>vmx-11</vssd:VirtualSystemType>',
    '      </System>',
    ...itemsOf({ cpus, memory, disks, nics }).map(itemText),
    ...(machine.firmware === 'uefi'
      ? ['      <vmw:Config ovf:required="false" vmw:key="firmware" vmw:value="efi"/>']
      : []),
    '    </VirtualHardwareSection>',
    '  </VirtualSystem>',
    '</Envelope>',
  ]
  return `${lines.join('\n')}\n`
}

type Item = Readonly<Record<string, string | number>>

/** The devices. Resource types are those of CIM: 3 CPU, 4 memory, 20 SATA controller, 17 disk, 10 Ethernet. */
function itemsOf({ cpus, memory, disks, nics }: Pick<OvfMachine, 'cpus' | 'memory' | 'disks' | 'nics'>): Item[] {
  const controllers = Array.from({ length: Math.ceil(disks.length / perController) }, (_, i): Item => ({
    Address: i,
    ElementName: `SATA controller ${i}`,
    InstanceID: 100 + i,
    ResourceSubType: 'AHCI',
    ResourceType: 20,
  }))
  return [
    {
      AllocationUnits: 'hertz * 10^6',
      ElementName: `${cpus} virtual CPUs`,
      InstanceID: 1,
      ResourceType: 3,
      VirtualQuantity: cpus,
    },
    {
      AllocationUnits: 'byte * 2^20',
      ElementName: 'Memory',
      InstanceID: 2,
      ResourceType: 4,
      VirtualQuantity: Math.ceil(memory / MiB),
    },
    ...controllers,
    ...disks.map((_, i): Item => ({
      AddressOnParent: i % perController,
      ElementName: `Disk ${i + 1}`,
      HostResource: `ovf:/disk/disk${i + 1}`,
      InstanceID: 200 + i,
      Parent: 100 + Math.floor(i / perController),
      ResourceType: 17,
    })),
    ...nics.map(({ network, mac }, i): Item => ({
      Address: mac,
      AddressOnParent: i,
      AutomaticAllocation: 'true',
      Connection: network,
      ElementName: `Network adapter ${i + 1}`,
      InstanceID: 300 + i,
      ResourceSubType: 'E1000',
      ResourceType: 10,
    })),
  ]
}

/** Elements of an item are in the order of their names: the schema has it so. */
function itemText(item: Item): string {
  const fields = Object.entries(item).map(
    ([name, value]) => `        <rasd:${name}>${escape(String(value))}</rasd:${name}>`,
  )
  return ['      <Item>', ...fields, '      </Item>'].join('\n')
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

/** Text in XML 1.0. Control characters have no form in it. */
function escape(text: string): string {
  // oxlint-disable-next-line no-control-regex -- these have no form in XML
  return text.replaceAll(/[\0-\x08\x0b\x0c\x0e-\x1f]/g, '').replaceAll(/[&<>"]/g, (mark) => entities[mark] ?? mark)
}
