import { isAppError } from '@nixen/core'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseDomain } from './domain.ts'
import { printXml, xml, XmlElement } from './element.ts'
import { parseNetwork } from './network.ts'
import { parseNodeDevice } from './node-device.ts'
import { parseXml } from './parse.ts'
import { parseStoragePool, parseStorageVolume } from './storage.ts'

const name = fc.stringMatching(/^[a-z][a-z0-9_-]{0,8}$/)
const text = fc
  .string({ unit: 'grapheme', maxLength: 12 })
  .map((value) => value.replaceAll(/[^\t\n\r\u0020-\ud7ff\u{10000}-\u{10fff0}]/gu, ''))
const element: fc.Memo<XmlElement> = fc.memo((depth) =>
  fc
    .tuple(
      name,
      fc.dictionary(name, text, { maxKeys: 3 }),
      depth > 1 ? fc.array(fc.oneof(text, element(depth - 1)), { maxLength: 4 }) : fc.constant([]),
    )
    .map(([tag, attributes, content]) => new XmlElement(tag, attributes, content)),
)

/** Adjacent texts are one, empty ones none. */
function plain(one: XmlElement): unknown {
  const content: unknown[] = []
  for (const part of one.content) {
    if (typeof part !== 'string') content.push(part instanceof XmlElement ? plain(part) : part)
    else if (typeof content.at(-1) === 'string') content.push(`${String(content.pop())}${part}`)
    else if (part !== '') content.push(part)
  }
  return [one.name, Object.fromEntries(one.attributes), content]
}

function outcome(source: string): string {
  try {
    parseXml(source)
    return 'document'
  } catch (error) {
    return isAppError(error) ? error.code : String(error)
  }
}

describe('XML', () => {
  test('is read as it was printed', () => {
    fc.assert(
      fc.property(element(3), (one) => {
        expect(plain(parseXml(printXml(one)))).toEqual(plain(one))
      }),
      { numRuns: 300 },
    )
  })

  test('any text is a document or libvirt.bad_xml', () => {
    const pieces = fc.array(
      fc.constantFrom(
        '<',
        '>',
        'a',
        '/',
        '"',
        "'",
        '&',
        '&amp;',
        '<!--',
        '-->',
        '<![CDATA[',
        ']]>',
        '<!DOCTYPE',
        '<?',
        '?>',
        ' ',
        '=',
        '\0',
      ),
      { maxLength: 30 },
    )
    fc.assert(
      fc.property(pieces, (parts) => {
        expect(outcome(parts.join(''))).toMatch(/^(document|libvirt\.bad_xml)$/)
      }),
      { numRuns: 500 },
    )
  })

  test('elements within each other without end are refused', () => {
    expect(() => parseXml('<a>'.repeat(400) + '</a>'.repeat(400))).toThrow(
      expect.objectContaining({ code: 'libvirt.bad_xml' }),
    )
  })
})

const domain = `<domain type='kvm' id='7' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>a &amp; b</name><uuid>11111111-2222-4333-8444-555555555555</uuid><!-- mine -->
  <memory unit='GiB'>2</memory><currentMemory unit='KiB'>1048576</currentMemory>
  <vcpu placement='static' current='2'>4</vcpu>
  <os firmware='efi'><type arch='x86_64' machine='q35'>hvm</type><loader secure='yes'/><boot dev='hd'/></os>
  <future><thing new='yes'>kept</thing></future>
  <devices>
    <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/d.qcow2'/><target dev='vda' bus='virtio'/><boot order='1'/></disk>
    <disk type='volume' device='cdrom'><source pool='p' volume='v'/><target dev='sda' bus='sata'/><readonly/></disk>
    <disk type='file' device='cdrom'><target dev='sdb' bus='sata'/></disk>
    <disk type='nvme' device='disk'><source namespace='1'/><target dev='vdb'/></disk>
    <interface type='network'><mac address='52:54:00:AA:BB:CC'/><source network='default'/><model type='virtio'/><link state='down'/><mtu size='9000'/></interface>
    <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0' state='connected'/></channel>
    <graphics type='vnc' port='5901' passwd='x'><listen type='address' address='127.0.0.1'/></graphics>
    <tpm model='tpm-crb'/><serial type='pty'/>
  </devices>
  <qemu:commandline><qemu:arg value='-x'/></qemu:commandline>
</domain>`

describe('domains', () => {
  test('are typed values', () => {
    const one = parseDomain(domain)
    expect(one).toMatchObject({
      type: 'kvm',
      id: 7,
      name: 'a & b',
      memoryMax: 2 * 1024 ** 3,
      memory: 1024 ** 3,
      vcpus: 2,
      vcpusMax: 4,
      firmware: 'uefi',
      secureBoot: true,
      bootDevices: ['hd'],
      agent: 'connected',
      hasTpm: true,
      hasSerial: true,
      graphics: [{ type: 'vnc', port: 5901, listen: '127.0.0.1', hasPassword: true }],
      nics: [{ mac: '52:54:00:aa:bb:cc', source: 'default', isLinkUp: false, mtu: 9000 }],
    })
    expect(one.disks.map(({ target, backing, device }) => [target, device, backing])).toEqual([
      ['vda', 'disk', { kind: 'file', path: '/d.qcow2' }],
      ['sda', 'cdrom', { kind: 'volume', pool: 'p', volume: 'v' }],
      ['sdb', 'cdrom', { kind: 'none' }],
      ['vdb', 'disk', { kind: 'other', type: 'nvme' }],
    ])
  })

  test('keep what nobody here knows, also when something is changed', () => {
    const { xml: root } = parseDomain(domain)
    root.ensure('description').setText('new')
    const printed = root.toString()
    expect(printed).toContain("<future><thing new='yes'>kept</thing></future>")
    expect(printed).toContain("<qemu:arg value='-x'/>")
    expect(printed).toContain('<!-- mine -->')
    expect(printed).toContain("xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'")
    expect(parseDomain(printed)).toMatchObject({ description: 'new', name: 'a & b' })
  })

  test('that say next to nothing are domains too', () => {
    expect(parseDomain('<domain/>')).toMatchObject({ name: '', memory: 0, vcpus: 1, disks: [], agent: 'none' })
    expect(() => parseDomain('<network/>')).toThrow(/begins with <network>/)
  })
})

test('pools, volumes, networks and devices are typed values', () => {
  expect(
    parseStoragePool(
      "<pool type='dir'><name>p</name><uuid>u</uuid><capacity unit='bytes'>10</capacity><target><path>/p</path></target></pool>",
    ),
  ).toMatchObject({ type: 'dir', name: 'p', capacity: 10, path: '/p' })
  expect(
    parseStorageVolume(
      "<volume type='file'><name>v</name><key>/p/v</key><capacity unit='KiB'>4</capacity><target><path>/p/v</path><format type='qcow2'/></target><backingStore><path>/b</path><format type='raw'/></backingStore></volume>",
    ),
  ).toMatchObject({ key: '/p/v', capacity: 4096, format: 'qcow2', backing: { path: '/b', format: 'raw' } })
  expect(
    parseNetwork(
      "<network><name>n</name><uuid>u</uuid><forward/><bridge name='virbr0'/><ip address='192.168.1.1' netmask='255.255.255.0'/></network>",
    ),
  ).toMatchObject({ forward: 'nat', bridge: 'virbr0', addresses: [{ prefix: 24 }] })
  expect(
    parseNodeDevice(
      "<device><name>pci_0000_01_00_0</name><capability type='pci'><domain>0</domain><bus>1</bus><slot>0</slot><function>0</function><vendor id='0x10de'>NV</vendor><iommuGroup number='3'/></capability></device>",
    ),
  ).toMatchObject({ pciAddress: '0000:01:00.0', vendor: { id: '0x10de', name: 'NV' }, iommuGroup: 3 })
  expect(xml('a', { b: 1, c: undefined }, 'text', undefined).toString()).toBe("<a b='1'>text</a>")
})
