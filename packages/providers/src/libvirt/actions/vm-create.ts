import { formatId, parseId, type ActionRequest, type Actions, type VmId } from '@nixen/api'
import { newUuid, type ByteStream } from '@nixen/core'
import { fatImage } from '@nixen/disk'
import { parseCapabilities, parseDomain, xml, type StoragePool, type StorageVol, type XmlElement } from '@nixen/libvirt'
import type { ActionResult, ActionTask } from '../../action/actions.ts'
import { runsKvm } from '../acceleration.ts'
import { builtIns, type BuiltInTemplate } from '../build/templates.ts'
import { noMetadata, readMetadata, setMetadata } from '../metadata.ts'
import { definitionOf, domainOf, networkOf, redefine, volumeOf, type LibvirtContext } from './context.ts'
import { cdXml, diskXml, freeTarget, nicXml } from './devices.ts'
import { copyDomain } from './vm-lifecycle.ts'
import { startDomain } from './vm-power.ts'
import { setFirmware, setMemory, setTopology } from './vm-settings.ts'
import { formatOf, freeName, poolOrDefault, volumeXml } from './volumes.ts'

type Request = ActionRequest<Actions['vm']['create']>

/** Makes VMs from a template, one after the other. */
export async function createVms(context: LibvirtContext, request: Request, task: ActionTask): Promise<ActionResult> {
  const made: VmId[] = []
  for (let i = 0; i < request.count; i++) {
    const name = request.name.replaceAll('{index}', String(request.first + i))
    task.progress(i / request.count, `Creating ${name}`)
    made.push(await createVm(context, { ...request, name }, { index: request.first + i, task }))
    task.log(`${name} is made.`)
  }
  return { made }
}

interface Making {
  readonly index: number
  readonly task: ActionTask
}

async function createVm(context: LibvirtContext, request: Request, { index, task }: Making): Promise<VmId> {
  const { main } = context.link
  const builtIn = builtIns.find(({ key }) => key === parseId(request.template)?.key)
  const uuid = builtIn
    ? await fromNothing(context, { request, builtIn }, task)
    : await fromTemplate(context, request, task)
  const { dom } = await main.call.domainLookupByUuid({ uuid })
  await addDisks(context, { uuid, request }, task)
  if (request.cloudInit) await addSeed(context, { uuid, request, index }, task)
  if (request.autoStart) await main.call.domainSetAutostart({ dom, autostart: 1 })
  context.touch({ domain: uuid })
  const id = formatId({ type: 'vm', connection: context.connection, key: uuid })
  if (request.start) await context.link.slow(async (libvirt) => await startDomain(libvirt, dom, { id, paused: false }))
  return id
}

async function fromNothing(
  context: LibvirtContext,
  { request, builtIn }: { readonly request: Request; readonly builtIn: BuiltInTemplate },
  task: ActionTask,
): Promise<string> {
  const { main } = context.link
  const uuid = newUuid()
  const definition = await newDefinition(context, builtIn, { name: request.name, uuid })
  await applyRequest(context, definition, request, builtIn.os === 'windows' ? 'e1000e' : 'virtio')
  setMetadata(definition, { ...noMetadata, tags: [...request.tags].toSorted(), created: context.clock.now() })
  await task.undo({ kind: 'domain.undefine', what: `Remove the half-made VM ${request.name}`, data: { uuid } })
  await main.call.domainDefineXmlFlags({ xml: definition.toString() })
  return uuid
}

async function fromTemplate(context: LibvirtContext, request: Request, task: ActionTask): Promise<string> {
  const { main } = context.link
  const template = await domainOf(context, request.template, 'template')
  const sizes = new Map<string, number>()
  for (const { disk, size } of request.templateDisks) {
    if (size === undefined) continue
    sizes.set((await main.call.storageVolGetPath({ vol: await volumeOf(context, disk) })).name, size)
  }
  const how = request.storage === undefined ? 'overlay' : 'full'
  const { name, description, storage } = request
  const uuid = await copyDomain(context, template, { name, description, how, storage, sizes }, task)
  const { dom } = await main.call.domainLookupByUuid({ uuid })
  await redefine(context, dom, async (definition) => {
    await applyRequest(context, definition, request, undefined)
    const metadata = readMetadata(definition)
    setMetadata(definition, { ...metadata, tags: [...request.tags].toSorted(), created: context.clock.now() })
  })
  return uuid
}

/** What the request says of processors, memory, firmware, NICs and media. `model` is that of new NICs. */
async function applyRequest(
  context: LibvirtContext,
  definition: XmlElement,
  request: Request,
  model: string | undefined,
): Promise<void> {
  const { vcpus, perSocket, memory, firmware, tpm, nics, media, networkBoot, description } = request
  if (description !== undefined) definition.ensure('description').setText(description)
  if (vcpus !== undefined || perSocket !== undefined)
    setTopology(definition, { count: vcpus, max: undefined, perSocket })
  if (memory !== undefined) setMemory(definition, { size: memory, max: undefined })
  if (firmware !== undefined) setFirmware(definition, firmware)
  const devices = definition.ensure('devices')
  if (tpm) devices.add(xml('tpm', { model: 'tpm-crb' }, xml('backend', { type: 'emulator', version: '2.0' })))
  if (nics !== undefined) {
    const kind = model ?? parseDomain(definition.toString()).nics[0]?.model ?? 'virtio'
    devices.remove('interface')
    for (const { network, mac, mtu } of nics) {
      devices.add(nicXml({ network: (await networkOf(context, network)).name, mac, mtu, model: kind }))
    }
  }
  if (media !== undefined) {
    const vol = await volumeOf(context, media)
    const { name: path } = await context.link.main.call.storageVolGetPath({ vol })
    const drive = devices.children('disk').find((disk) => disk.get('device') === 'cdrom')
    const target = drive?.find('target')
    if (drive) devices.remove(drive)
    const place = { target: target?.get('dev') ?? 'sda', bus: target?.get('bus') ?? 'sata' }
    devices.add(diskXml({ path, format: 'raw', device: 'cdrom', ...place }))
  }
  const os = definition.ensure('os').remove('boot')
  const order = networkBoot ? ['network', 'hd'] : media === undefined ? ['hd'] : ['hd', 'cdrom']
  for (const dev of order) os.add(xml('boot', { dev }))
}

/** The definition of a VM without disks and NICs: q35, ports to plug into, a screen, a serial console, the agent's channel. */
async function newDefinition(
  context: LibvirtContext,
  { firmware, os }: BuiltInTemplate,
  { name, uuid }: { readonly name: string; readonly uuid: string },
): Promise<XmlElement> {
  const { type, arch, isX86 } = await machineOf(context)
  const isWindows = os === 'windows'
  const ports = Array.from({ length: 10 }, () => xml('controller', { type: 'pci', model: 'pcie-root-port' }))
  const channel = xml('channel', { type: 'unix' }, xml('target', { type: 'virtio', name: 'org.qemu.guest_agent.0' }))
  const features = isX86 ? [xml('features', {}, xml('acpi'), xml('apic'))] : []
  // The processor of the host, where it is the host's that runs.
  const cpu = type === 'kvm' ? [xml('cpu', { mode: 'host-passthrough', migratable: 'on' })] : []
  return xml(
    'domain',
    { type },
    xml('name', {}, name),
    xml('uuid', {}, uuid),
    xml('memory', { unit: 'MiB' }, 1024),
    xml('vcpu', {}, 1),
    xml(
      'os',
      firmware === 'uefi' ? { firmware: 'efi' } : {},
      xml('type', { arch, machine: isX86 ? 'q35' : 'virt' }, 'hvm'),
      xml('boot', { dev: 'hd' }),
    ),
    ...features,
    ...cpu,
    ...(isWindows ? [xml('clock', { offset: 'localtime' })] : []),
    xml(
      'devices',
      {},
      xml('controller', { type: 'pci', index: 0, model: 'pcie-root' }),
      ...ports,
      cdXml('sda', 'sata'),
      xml('serial', { type: 'pty' }, xml('target', { port: 0 })),
      channel,
      xml(
        'graphics',
        { type: 'vnc', port: -1, autoport: 'yes' },
        xml('listen', { type: 'address', address: '127.0.0.1' }),
      ),
      xml('video', {}, xml('model', { type: isX86 ? 'vga' : 'virtio' })),
      xml('input', { type: 'tablet', bus: 'usb' }),
      xml('rng', { model: 'virtio' }, xml('backend', { model: 'random' }, '/dev/urandom')),
    ),
  )
}

/**
 * What new domains are. That /dev/kvm is there does not say that guests run by it (it may be a hypervisor within another one): a
 * probe is booted, once for each connection.
 */
export async function machineOf({
  link,
  clock,
}: LibvirtContext): Promise<{ type: string; arch: string; isX86: boolean }> {
  const { call } = link.main
  const { guests, arch } = parseCapabilities((await call.connectGetCapabilities()).capabilities)
  const types = guests.find((guest) => guest.arch === arch && guest.osType === 'hvm')?.domainTypes ?? []
  const isX86 = arch === 'x86_64'
  const emulated = types.find((one) => one !== 'kvm') ?? 'qemu'
  const kvm = types.includes('kvm') && (isX86 ? await runsKvm(link, clock) : true)
  return { type: kvm ? 'kvm' : emulated, arch, isX86: isX86 || arch === 'i686' }
}

async function addDisks(
  context: LibvirtContext,
  { uuid, request }: { readonly uuid: string; readonly request: Request },
  task: ActionTask,
): Promise<void> {
  const { main } = context.link
  for (const [index, { name, size, storage }] of request.disks.entries()) {
    const pool = await poolOrDefault(context, storage ?? request.storage)
    const format = await formatOf(main, pool)
    const wanted = name ?? `${request.name}${index === 0 ? '' : `-${index}`}`
    const text = volumeXml({ name: await freeName(main, pool, { wanted, format }), size, format })
    const { vol } = await main.call.storageVolCreateXml({ pool, xml: text })
    await task.undo({ kind: 'volume.delete', what: `Remove the half-made disk ${vol.name}`, data: { key: vol.key } })
    await plugIn(context, uuid, { vol, format, pool })
  }
}

/** Puts a volume into the definition of a VM that is off. */
async function plugIn(
  context: LibvirtContext,
  uuid: string,
  { vol, format, pool }: { readonly vol: StorageVol; readonly format: string; readonly pool: StoragePool },
): Promise<void> {
  const { main } = context.link
  const { name: path } = await main.call.storageVolGetPath({ vol })
  const { dom } = await main.call.domainLookupByUuid({ uuid })
  const { disks, xml: definition, nics } = parseDomain((await definitionOf(main, dom)).toString())
  const isWindows = nics[0]?.model === 'e1000e'
  const bus = disks.find(({ device }) => device === 'disk')?.bus ?? (isWindows ? 'sata' : 'virtio')
  definition.ensure('devices').add(diskXml({ path, format, target: freeTarget(disks, bus), bus }))
  await main.call.domainDefineXmlFlags({ xml: definition.toString() })
  context.touch({ pool: pool.uuid })
}

/** Puts the configuration on a small FAT disk, as cloud-init's NoCloud source looks for it (label `cidata`), and attaches that. */
async function addSeed(
  context: LibvirtContext,
  { uuid, request, index }: { readonly uuid: string; readonly request: Request; readonly index: number },
  task: ActionTask,
): Promise<void> {
  const { user = '', network, storage } = request.cloudInit ?? {}
  const fill = (text: string): string =>
    text.replaceAll('{name}', request.name).replaceAll('{index}', String(index)).replaceAll('{uuid}', uuid)
  const host = request.name
    .normalize('NFKD')
    .replaceAll(/[^A-Za-z0-9-]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, 63)
  const image = fatImage({
    label: 'cidata',
    files: [
      // JSON is YAML, and quotes names safely.
      { path: 'meta-data', content: `${JSON.stringify({ 'instance-id': uuid, 'local-hostname': host || 'vm' })}\n` },
      { path: 'user-data', content: fill(user) },
      ...(network === undefined ? [] : [{ path: 'network-config', content: fill(network) }]),
    ],
  })
  const { main } = context.link
  const pool = await poolOrDefault(context, storage ?? request.storage)
  const name = await freeName(main, pool, { wanted: `${request.name}-cloud-init`, format: 'raw' })
  const { vol } = await main.call.storageVolCreateXml({
    pool,
    xml: volumeXml({ name, size: image.length, format: 'raw' }),
  })
  await task.undo({ kind: 'volume.delete', what: `Remove the half-made disk ${vol.name}`, data: { key: vol.key } })
  await upload(
    context,
    vol,
    (async function* () {
      yield image
    })(),
    task.signal,
  )
  await plugIn(context, uuid, { vol, format: 'raw', pool })
}

/** Writes bytes to a volume from its beginning. */
export async function upload(
  context: LibvirtContext,
  vol: StorageVol,
  bytes: ByteStream,
  signal: AbortSignal | undefined,
): Promise<void> {
  await using libvirt = await context.link.main.another({ keepalive: false }, { signal })
  const { stream } = await libvirt.stream('storageVolUpload', { vol, offset: 0n, length: 0n }, { signal })
  await using _stream = stream
  for await (const part of bytes) {
    signal?.throwIfAborted()
    await stream.write(part)
  }
  await stream.finish()
}
