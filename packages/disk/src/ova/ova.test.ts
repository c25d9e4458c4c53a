import { createHash } from 'node:crypto'
import { collectBytes, isAppError, MiB, seededRandom, streamOf } from '@nixen/core'
import { describe, expect, test } from 'vitest'
import { inParts, memoryDisk, sparseBytes } from '../../test/images.ts'
import { compareDisks } from '../compare/compare.ts'
import { MemoryFile } from '../memory-file.ts'
import { writeTar } from '../tar/write.ts'
import { vmdk } from '../vmdk/vmdk.ts'
import { ova } from './ova.ts'
import { parseOvf } from './ovf.ts'
import { readOva } from './read-stream.ts'

const contents = { 'vm-disk1.vmdk': sparseBytes(3 * MiB, 1), 'vm-disk2.vmdk': sparseBytes(2 * MiB, 2) }

/** What ovftool writes, cut down. */
const ovf = `<?xml version="1.0" encoding="UTF-8"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"
  xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData" xmlns:vmw="http://www.vmware.com/schema/ovf">
  <References>
    <File ovf:href="vm-disk1.vmdk" ovf:id="file1" ovf:size="1234"/>
    <File ovf:href="vm-disk2.vmdk" ovf:id="file2"/>
  </References>
  <DiskSection><Info>Disks</Info>
    <Disk ovf:capacity="2" ovf:capacityAllocationUnits="byte * 2^20" ovf:diskId="vmdisk2" ovf:fileRef="file2" ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"/>
    <Disk ovf:capacity="${3 * MiB}" ovf:diskId="vmdisk1" ovf:fileRef="file1" ovf:format="x"/>
    <Disk ovf:capacity="1" ovf:capacityAllocationUnits="GigaBytes" ovf:diskId="empty"/>
  </DiskSection>
  <NetworkSection><Network ovf:name="VM Network"/></NetworkSection>
  <VirtualSystem ovf:id="web &amp; db">
    <OperatingSystemSection ovf:id="94"><Description>Ubuntu Linux (64-bit)</Description></OperatingSystemSection>
    <VirtualHardwareSection>
      <Item><rasd:ResourceType>3</rasd:ResourceType><rasd:VirtualQuantity>4</rasd:VirtualQuantity></Item>
      <Item><rasd:AllocationUnits>byte * 2^20</rasd:AllocationUnits><rasd:ResourceType>4</rasd:ResourceType><rasd:VirtualQuantity>8192</rasd:VirtualQuantity></Item>
      <Item><rasd:HostResource>ovf:/disk/vmdisk1</rasd:HostResource><rasd:ResourceType>17</rasd:ResourceType></Item>
      <Item><rasd:HostResource>ovf:/disk/vmdisk2</rasd:HostResource><rasd:ResourceType>17</rasd:ResourceType></Item>
      <Item><rasd:Connection>VM Network</rasd:Connection><rasd:ResourceSubType>VmxNet3</rasd:ResourceSubType><rasd:ResourceType>10</rasd:ResourceType></Item>
      <vmw:Config ovf:required="false" vmw:key="firmware" vmw:value="efi"/>
    </VirtualHardwareSection>
  </VirtualSystem>
</Envelope>`

async function files(algorithm: 'sha1' | 'sha256' = 'sha256'): Promise<Record<string, Uint8Array>> {
  const found: Record<string, Uint8Array> = { 'vm.ovf': Buffer.from(ovf) }
  for (const [name, bytes] of Object.entries(contents)) {
    found[name] = await collectBytes((await vmdk.encode?.(memoryDisk(bytes)))?.bytes ?? streamOf())
  }
  const digest = (bytes: Uint8Array): string => createHash(algorithm).update(bytes).digest('hex')
  const lines = Object.entries(found).map(([name, bytes]) => `${algorithm.toUpperCase()}(${name})= ${digest(bytes)}\n`)
  found['vm.mf'] = Buffer.from(lines.join(''))
  return found
}

async function pack(parts: Record<string, Uint8Array>, order: readonly string[]): Promise<Uint8Array> {
  return collectBytes(
    writeTar(
      order.map((name) => ({ name, size: parts[name]?.length ?? 0, content: parts[name] ?? new Uint8Array(0) })),
    ),
  )
}

async function readAll(bytes: Uint8Array): Promise<Record<string, Uint8Array>> {
  await using reader = await readOva(inParts(bytes))
  const found: Record<string, Uint8Array> = {}
  for await (const disk of reader.disks()) {
    const whole = new Uint8Array(disk.size)
    for await (const part of disk.parts()) whole.set(part.bytes, part.offset)
    found[disk.file] = whole
  }
  return found
}

const orders = [
  ['vm.ovf', 'vm.mf', 'vm-disk1.vmdk', 'vm-disk2.vmdk'],
  ['vm.ovf', 'vm-disk2.vmdk', 'vm-disk1.vmdk', 'vm.mf'],
  ['vm.mf', 'vm.ovf', 'vm-disk1.vmdk', 'vm-disk2.vmdk'],
]

test('a descriptor says what the machine has', () => {
  expect(parseOvf(ovf)).toMatchObject({
    name: 'web & db',
    operatingSystem: 'Ubuntu Linux (64-bit)',
    firmware: 'uefi',
    cpus: 4,
    memory: 8 * 1024 ** 3,
    networks: ['VM Network'],
    networkCards: [{ network: 'VM Network', model: 'VmxNet3', mac: undefined }],
    disks: [
      { id: 'vmdisk1', capacity: 3 * MiB, file: { href: 'vm-disk1.vmdk', size: 1234 } },
      { id: 'vmdisk2', capacity: 2 * MiB },
      { id: 'empty', capacity: 1024 ** 3, file: undefined },
    ],
  })
})

describe('an OVA', () => {
  test.each(
    orders.flatMap((order) => [
      { order, algorithm: 'sha256' as const },
      { order, algorithm: 'sha1' as const },
    ]),
  )('is read as a stream: $order with $algorithm', async ({ order, algorithm }) => {
    const found = await readAll(await pack(await files(algorithm), order))
    for (const [name, bytes] of Object.entries(contents))
      expect(Buffer.compare(found[name] ?? bytes.subarray(1), bytes)).toBe(0)
  })

  test.each(orders)('whose disk is damaged is refused: %s', async (...order) => {
    const parts = await files()
    // The last sector, behind all data: only the digest can tell.
    parts['vm-disk1.vmdk']?.fill(1, -100)
    await expect(readAll(await pack(parts, order))).rejects.toSatisfy((error) => isAppError(error, 'ova.digest'))
    const found = await Array.fromAsync(ova.check?.(new MemoryFile('x.ova', await pack(parts, order))) ?? [])
    expect(found).toMatchObject([{ severity: 'error', code: 'checksum' }])
  })

  test('with its descriptor last can only be opened as a file', async () => {
    const bytes = await pack(await files(), ['vm-disk1.vmdk', 'vm-disk2.vmdk', 'vm.ovf'])
    await expect(readAll(bytes)).rejects.toSatisfy((error) => isAppError(error, 'disk.not_streamable'))
    const file = new MemoryFile('x.ova', bytes)
    expect(
      ova.probe({ path: 'x', head: bytes.subarray(0, 65_536), tail: bytes.subarray(-512), size: bytes.length }),
    ).toBe(true)
    for (const [disk, content] of [
      [undefined, contents['vm-disk1.vmdk']],
      ['vm-disk2.vmdk', contents['vm-disk2.vmdk']],
      ['vmdisk2', contents['vm-disk2.vmdk']],
    ] as const) {
      const image = await ova.open(file, { disk })
      expect(await compareDisks(image, memoryDisk(content))).toEqual({ kind: 'identical' })
    }
    await expect(ova.open(file, { disk: 'gone' })).rejects.toSatisfy((error) => isAppError(error, 'ova.no_disk'))
  })

  test.each([
    ['no XML', '<Envelope>'],
    ['another document', '<html/>'],
    ['without a machine', '<Envelope/>'],
    ['with a negative size', ovf.replace('capacity="2"', 'capacity="-2"')],
    ['with a size beyond every disk', ovf.replace('2^20', '2^99')],
    ['with a file that is not listed', ovf.replace('fileRef="file2"', 'fileRef="file9"')],
    ['with entities that grow', `<!DOCTYPE a [<!ENTITY x "xxxxxxxx"><!ENTITY y "&x;&x;">]><Envelope>&y;</Envelope>`],
  ])('whose descriptor is %s is refused', async (_, text) => {
    const bytes = await pack({ 'vm.ovf': Buffer.from(text) }, ['vm.ovf'])
    await expect(readAll(bytes)).rejects.toSatisfy((error) => isAppError(error, 'ova.descriptor'))
  })

  test('that is damaged ends in an error or a result', async () => {
    const bytes = await pack(await files(), orders[0] ?? [])
    const random = seededRandom(7)
    for (let round = 0; round < 60; round++) {
      const damaged = Uint8Array.from(bytes)
      for (let count = 0; count < 5; count++) damaged[random() * 6000] = random() * 256
      const cut = damaged.subarray(0, round % 3 ? damaged.length : random() * damaged.length)
      for (const use of [
        () => readAll(cut),
        () => ova.open(new MemoryFile('x', cut)),
        async () => void (await Array.fromAsync((await readOva(streamOf(cut))).disks())),
      ]) {
        const outcome = await use().catch((error: unknown) => error)
        expect(outcome instanceof Error ? isAppError(outcome) : true).toBe(true)
      }
    }
  })
})
