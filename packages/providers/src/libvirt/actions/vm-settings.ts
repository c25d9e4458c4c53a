import { connectionErrors, vmErrors, type VmId } from '@nixen/api'
import { constants as c, xml, type Domain, type XmlElement } from '@nixen/libvirt'
import type { ProviderActions } from '../../action/actions.ts'
import { metadataPrefix, metadataUri, metadataXml, readMetadata, type VmMetadata } from '../metadata.ts'
import { affected, definitionOf, domainOf, isActive, redefine, type LibvirtContext } from './context.ts'

type Settings = Pick<
  ProviderActions['vm'],
  'update' | 'setCpus' | 'setMemory' | 'setBoot' | 'setFirmware' | 'addTpm' | 'removeTpm'
>

const kib = (bytes: number): bigint => BigInt(Math.floor(bytes / 1024))

/** Options of VMs. */
export function vmSettings(context: LibvirtContext): Settings {
  return {
    async update(request) {
      await update(context, request)
    },
    async setCpus({ id, count, max, perSocket }) {
      const dom = await domainOf(context, id)
      const { main } = context.link
      if (max !== undefined || perSocket !== undefined) {
        await mustBeOff(context, { id, dom })
        await redefine(context, dom, (definition) => setTopology(definition, { count, max, perSocket }))
        return
      }
      if (count === undefined) return
      if (await isActive(main, dom)) {
        await main.call.domainSetVcpusFlags({ dom, nvcpus: count, flags: await affected(main, dom) })
        context.touch({ domain: dom.uuid })
        return
      }
      // Off: the most it can get follows, so that a number is enough.
      await redefine(context, dom, (definition) =>
        setTopology(definition, { count, max: undefined, perSocket: undefined }),
      )
    },
    async setMemory({ id, size, max }) {
      const dom = await domainOf(context, id)
      const { main } = context.link
      if (!(await isActive(main, dom))) {
        await redefine(context, dom, (definition) => setMemory(definition, { size, max }))
        return
      }
      if (max !== undefined) await mustBeOff(context, { id, dom })
      if (size !== undefined)
        await main.call.domainSetMemoryFlags({ dom, memory: kib(size), flags: await affected(main, dom) })
      context.touch({ domain: dom.uuid })
    },
    async setBoot({ id, order }) {
      if (order === undefined) return
      const names = { disk: 'hd', cd: 'cdrom', network: 'network' } as const
      await redefine(context, await domainOf(context, id), (definition) => {
        // Orders of single devices exclude those of kinds.
        for (const device of definition.find('devices')?.children() ?? []) device.remove('boot')
        const os = definition.ensure('os').remove('boot')
        for (const kind of order) os.add(xml('boot', { dev: names[kind] }))
      })
    },
    async setFirmware({ id, firmware }) {
      const dom = await domainOf(context, id)
      await mustBeOff(context, { id, dom })
      await redefine(context, dom, (definition) => setFirmware(definition, firmware))
    },
    async addTpm({ id }) {
      const dom = await domainOf(context, id)
      await mustBeOff(context, { id, dom })
      await redefine(context, dom, (definition) => {
        const tpm = xml('tpm', { model: 'tpm-crb' }, xml('backend', { type: 'emulator', version: '2.0' }))
        definition.ensure('devices').add(tpm)
      })
    },
    async removeTpm({ id }) {
      const dom = await domainOf(context, id)
      await mustBeOff(context, { id, dom })
      await redefine(context, dom, (definition) => void definition.find('devices')?.remove('tpm'))
    },
  }
}

/** UEFI is chosen by libvirt from what the host has; BIOS is what a domain has without anything said. */
export function setFirmware(definition: XmlElement, firmware: 'bios' | 'uefi'): void {
  const os = definition.ensure('os').remove('loader').remove('nvram').remove('firmware')
  os.set('firmware', firmware === 'uefi' ? 'efi' : undefined)
}

export function setTopology(
  definition: XmlElement,
  {
    count,
    max,
    perSocket,
  }: { readonly count: number | undefined; readonly max: number | undefined; readonly perSocket: number | undefined },
): void {
  const vcpu = definition.ensure('vcpu')
  const now = Number(vcpu.get('current') ?? vcpu.text()) || 1
  const wanted = count ?? now
  const most = Math.max(max ?? (count === undefined ? Number(vcpu.text()) || 1 : wanted), wanted)
  vcpu.setText(most).set('current', wanted === most ? undefined : wanted)
  const cpu = definition.find('cpu')
  cpu?.remove('topology')
  if (perSocket === undefined) return
  if (most % perSocket !== 0) {
    throw connectionErrors.unsupported({
      action: 'vm set-cpus',
      reason: `${most} processors cannot be ${perSocket} in each socket.`,
    })
  }
  definition.ensure('cpu').add(xml('topology', { sockets: most / perSocket, dies: 1, cores: perSocket, threads: 1 }))
}

export function setMemory(
  definition: XmlElement,
  { size, max }: { readonly size: number | undefined; readonly max: number | undefined },
): void {
  const memory = definition.ensure('memory')
  const most = max ?? size
  if (most !== undefined) memory.set('unit', 'KiB').setText(String(kib(most)))
  if (size !== undefined)
    definition
      .ensure('currentMemory')
      .set('unit', 'KiB')
      .setText(String(kib(size)))
}

async function mustBeOff(
  context: LibvirtContext,
  { id, dom }: { readonly id: VmId; readonly dom: Domain },
): Promise<void> {
  if (!(await isActive(context.link.main, dom))) return
  throw vmErrors.bad_power_state({ id, name: dom.name, expected: ['halted'], actual: 'running' })
}

/** Options that libvirt has no place for. */
const unknown = {
  ha: 'libvirt has no high availability.',
  homeHost: 'a libvirt connection has one host.',
  suspendStorage: 'libvirt saves memory where its configuration says.',
  startOrder: 'libvirt starts domains in an order of its own.',
  startDelay: 'libvirt starts domains in an order of its own.',
  shutdownDelay: 'libvirt shuts domains down in an order of its own.',
  kernelArgs: 'change the definition of the domain.',
  guestData: 'there is no XenStore.',
  windowsDrivers: 'it is a matter of Xen.',
} as const

type UpdateRequest = Parameters<Settings['update']>[0]

async function update(context: LibvirtContext, request: UpdateRequest): Promise<void> {
  const { main } = context.link
  const { id, name, description, autoStart } = request
  const dom = await domainOf(context, id)
  for (const [option, reason] of Object.entries(unknown)) {
    // Keys of the table are options.
    if (request[option as keyof typeof unknown] !== undefined) {
      throw connectionErrors.unsupported({ action: `vm update ${option}`, reason })
    }
  }
  if (name !== undefined && name !== dom.name) await main.call.domainRename({ dom, newName: name })
  if (autoStart !== undefined) await main.call.domainSetAutostart({ dom, autostart: Number(autoStart) })
  if (description !== undefined) await describe(context, dom, description)
  await updateMetadata(context, dom, (old) => changedMetadata(old, request))
  await updateDefinition(context, dom, request)
  context.touch({ domain: dom.uuid })
}

async function describe({ link }: LibvirtContext, dom: Domain, text: string): Promise<void> {
  const flags = await affected(link.main, dom)
  const type = c.VIR_DOMAIN_METADATA_DESCRIPTION
  await link.main.call.domainSetMetadata({
    dom,
    type,
    metadata: text === '' ? undefined : text,
    key: undefined,
    uri: undefined,
    flags,
  })
}

function changedMetadata(old: VmMetadata, { tags, notes, fields, blocked }: UpdateRequest): VmMetadata {
  return {
    ...old,
    ...(tags === undefined ? {} : { tags: [...new Set(tags)].toSorted() }),
    ...(notes === undefined ? {} : { notes: notes === '' ? undefined : notes }),
    fields: merged(old.fields, fields),
    blocked: merged(old.blocked, blocked),
  }
}

function merged(
  old: Readonly<Record<string, string>>,
  changes: Readonly<Record<string, string | null>> | undefined,
): Readonly<Record<string, string>> {
  const all = { ...old, ...changes }
  return Object.fromEntries(Object.entries(all).flatMap(([key, value]) => (value === null ? [] : [[key, value]])))
}

/** Changes what Nixen keeps with a domain, in what runs too. */
export async function updateMetadata(
  { link }: Pick<LibvirtContext, 'link'>,
  dom: Domain,
  change: (old: VmMetadata) => VmMetadata,
): Promise<VmMetadata> {
  const { main } = link
  const old = readMetadata(await definitionOf(main, dom))
  const next = change(old)
  if (JSON.stringify(next) === JSON.stringify(old)) return old
  await main.call.domainSetMetadata({
    dom,
    type: c.VIR_DOMAIN_METADATA_ELEMENT,
    metadata: metadataXml(next).toString(),
    key: metadataPrefix,
    uri: metadataUri,
    flags: await affected(main, dom),
  })
  return next
}

/** Options that are parts of the definition, from the next start on. */
async function updateDefinition(context: LibvirtContext, dom: Domain, request: UpdateRequest): Promise<void> {
  const {
    afterShutdown,
    afterReboot,
    afterCrash,
    videoCard,
    nested,
    cpuMask,
    cpuWeight,
    cpuCap,
    nicType,
    serial,
    viridian,
    videoMemory,
  } = request
  const all = [
    afterShutdown,
    afterReboot,
    afterCrash,
    videoCard,
    nested,
    cpuMask,
    cpuWeight,
    cpuCap,
    nicType,
    serial,
    viridian,
    videoMemory,
  ]
  if (all.every((one) => one === undefined)) return
  await redefine(context, dom, (definition) => {
    const events = { off: 'destroy', restart: 'restart', preserve: 'preserve' } as const
    if (afterShutdown !== undefined) definition.ensure('on_poweroff').setText(events[afterShutdown])
    if (afterReboot !== undefined) definition.ensure('on_reboot').setText(events[afterReboot])
    if (afterCrash !== undefined) definition.ensure('on_crash').setText(events[afterCrash])
    if (cpuMask !== undefined) definition.ensure('vcpu').set('cpuset', cpuMask === null ? undefined : cpuMask.join(','))
    if (cpuWeight !== undefined) definition.ensure('cputune', 'shares').setText(Math.max(2, cpuWeight * 4))
    if (cpuCap !== undefined) setCap(definition, cpuCap)
    const devices = definition.ensure('devices')
    if (videoCard !== undefined) devices.ensure('video', 'model').set('type', videoCard === 'std' ? 'vga' : videoCard)
    if (videoMemory !== undefined) devices.ensure('video', 'model').set('vram', videoMemory * 1024)
    if (nicType !== undefined) for (const nic of devices.children('interface')) nic.ensure('model').set('type', nicType)
    if (serial === 'none') devices.remove('serial').remove('console')
    else if (serial === 'pty' && !devices.find('serial'))
      devices.add(xml('serial', { type: 'pty' }, xml('target', { port: 0 })))
    if (viridian !== undefined) setHyperV(definition, viridian)
    if (nested !== undefined) setNested(definition, nested)
  })
}

/** Percent of one processor, in microseconds of each tenth of a second (`cputune/quota`); 0 is no limit. */
function setCap(definition: XmlElement, percent: number): void {
  const tune = definition.ensure('cputune').remove('period').remove('quota')
  if (percent === 0) return
  tune.add(xml('period', {}, 100_000))
  tune.add(xml('quota', {}, Math.max(1000, percent * 1000)))
}

function setHyperV(definition: XmlElement, on: boolean): void {
  const features = definition.ensure('features').remove('hyperv')
  if (!on) return
  const states = ['relaxed', 'vapic'].map((name) => xml(name, { state: 'on' }))
  features.add(xml('hyperv', {}, ...states, xml('spinlocks', { state: 'on', retries: 8191 })))
}

/** Whether the guest sees the virtualization of the processor (Intel: vmx, AMD: svm). */
function setNested(definition: XmlElement, on: boolean): void {
  const cpu = definition.ensure('cpu')
  for (const feature of cpu.children('feature'))
    if (['vmx', 'svm'].includes(feature.get('name') ?? '')) cpu.remove(feature)
  if (on) {
    definition.remove('cpu')
    definition.add(xml('cpu', { mode: 'host-passthrough' }))
  } else for (const name of ['vmx', 'svm']) cpu.add(xml('feature', { policy: 'disable', name }))
}
