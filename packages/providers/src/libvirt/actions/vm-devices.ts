import { diskErrors, formatId, nicErrors, type DiskId, type NicId, type VmId } from '@nixen/api'
import {
  constants as c,
  parseDomain,
  parseStorageVolume,
  xml,
  type Domain,
  type DomainDisk,
  type DomainXml,
  type XmlElement,
} from '@nixen/libvirt'
import type { ProviderActions } from '../../action/actions.ts'
import { nicKey } from '../build/vm.ts'
import {
  affected,
  definitionOf,
  domainOf,
  keyOf,
  networkOf,
  redefine,
  volumeOf,
  type LibvirtContext,
} from './context.ts'
import { diskXml, freeTarget, nicXml, pciXml } from './devices.ts'

type Devices = Pick<
  ProviderActions['vm'],
  | 'attachDisk'
  | 'detachDisk'
  | 'insertMedia'
  | 'ejectMedia'
  | 'addNic'
  | 'removeNic'
  | 'attachPci'
  | 'detachPci'
  | 'attachUsb'
  | 'detachUsb'
>

/** Devices of VMs, plugged while they run too. */
export function vmDevices(context: LibvirtContext): Devices {
  return {
    async attachDisk({ id, disk, readOnly, boot }) {
      const dom = await domainOf(context, id)
      const domain = await specOf(context, dom)
      const { path, format, name } = await volumeInfo(context, disk)
      if (domain.disks.some(({ backing }) => 'path' in backing && backing.path === path)) {
        throw diskErrors.in_use({ id: disk, name, by: dom.name })
      }
      const bus = busOf(domain)
      const target = freeTarget(domain.disks, bus)
      const orders = domain.disks.map(({ bootOrder }) => bootOrder ?? 0)
      const bootOrder = boot && domain.bootDevices.length === 0 ? Math.max(0, ...orders) + 1 : undefined
      await attach(
        context,
        dom,
        diskXml({ path, format: format ?? 'raw', target, bus, isReadOnly: readOnly, bootOrder }),
      )
    },
    async detachDisk({ id, disk }) {
      const dom = await domainOf(context, id)
      await detach(context, dom, (await diskOf(context, { dom, disk })).xml)
    },
    async insertMedia({ id, disk }) {
      await insertMedia(context, id, disk)
    },
    async ejectMedia({ id }) {
      const dom = await domainOf(context, id)
      const drive = (await specOf(context, dom)).disks.find(
        (one) => one.device === 'cdrom' && one.backing.kind !== 'none',
      )
      if (drive) await change(context, dom, drive.xml.clone().remove('source'))
    },
    async addNic({ id, network, mac, mtu }) {
      const dom = await domainOf(context, id)
      const before = await specOf(context, dom)
      const { name } = await networkOf(context, network)
      await attach(context, dom, nicXml({ network: name, mac, mtu, model: modelOf(before) }))
      const after = await specOf(context, dom)
      const known = new Set(before.nics.map((nic) => nic.mac))
      const index = after.nics.findIndex((nic) => !known.has(nic.mac))
      const added = after.nics[index]
      if (!added) return
      return { made: [formatId({ type: 'nic', connection: context.connection, key: nicKey(dom.uuid, added, index) })] }
    },
    async removeNic({ id, nic }) {
      const dom = await domainOf(context, id)
      await detach(context, dom, (await nicOf(context, dom, nic)).xml)
    },
    async attachPci({ id, addresses }) {
      await redefine(context, await domainOf(context, id), (definition) => {
        for (const address of addresses) definition.ensure('devices').add(pciXml(address))
      })
    },
    async detachPci({ id, addresses }) {
      await redefine(context, await domainOf(context, id), (definition) => {
        const devices = definition.ensure('devices')
        const wanted = new Set(addresses.map((address) => pciXml(address).find('source')?.toString()))
        for (const device of devices.children('hostdev')) {
          if (device.get('type') === 'pci' && wanted.has(device.find('source')?.toString())) devices.remove(device)
        }
      })
    },
    async attachUsb({ id, device }) {
      await redefine(context, await domainOf(context, id), (definition) => {
        definition.ensure('devices').add(usbXml(device))
      })
    },
    async detachUsb({ id, device }) {
      const dom = await domainOf(context, id)
      await detach(context, dom, usbXml(device))
    },
  }
}

/** `VENDOR:PRODUCT`, as the devices of a host are listed. */
function usbXml(key: string): XmlElement {
  const [vendor = '', product = ''] = key.split(':')
  const ids = [xml('vendor', { id: `0x${vendor}` }), xml('product', { id: `0x${product}` })]
  return xml('hostdev', { mode: 'subsystem', type: 'usb', managed: 'yes' }, xml('source', {}, ...ids))
}

/** What a domain will have at its next start, as far as it is persistent. */
export async function specOf({ link }: LibvirtContext, dom: Domain): Promise<DomainXml> {
  return parseDomain((await definitionOf(link.main, dom)).toString())
}

/** Windows without drivers of virtio has other disks; a new one is like those that are there. */
function busOf({ disks }: DomainXml): string {
  return disks.find(({ device }) => device === 'disk')?.bus ?? 'virtio'
}

function modelOf({ nics }: DomainXml): string {
  return nics[0]?.model ?? 'virtio'
}

async function volumeInfo(context: LibvirtContext, disk: DiskId) {
  const vol = await volumeOf(context, disk)
  return parseStorageVolume((await context.link.main.call.storageVolGetXmlDesc({ vol })).xml)
}

async function diskOf(context: LibvirtContext, { dom, disk }: { dom: Domain; disk: DiskId }): Promise<DomainDisk> {
  const { path, name } = await volumeInfo(context, disk)
  const { pool } = await volumeOf(context, disk)
  const found = (await specOf(context, dom)).disks.find(({ backing }) =>
    'path' in backing
      ? backing.path === path
      : backing.kind === 'volume' && backing.pool === pool && backing.volume === name,
  )
  if (found) return found
  throw diskErrors.not_found({ id: disk })
}

/** A NIC of a domain, by its id. @throws nic.not_found */
export async function nicOf(context: LibvirtContext, dom: Domain, id: NicId) {
  const key = keyOf(context, id, 'nic')
  const found = (await specOf(context, dom)).nics.find((nic, index) => nicKey(dom.uuid, nic, index) === key)
  if (found) return found
  throw nicErrors.not_found({ id })
}

export async function attach(context: LibvirtContext, dom: Domain, device: XmlElement): Promise<void> {
  const { main } = context.link
  const flags = await affected(main, dom)
  await main.call.domainAttachDeviceFlags({ dom, xml: device.toString(), flags })
  context.touch({ domain: dom.uuid })
}

/** Waits until the guest has let go of it: unplugging is only asked for. */
export async function detach(context: LibvirtContext, dom: Domain, device: XmlElement): Promise<void> {
  const { main } = context.link
  const flags = await affected(main, dom)
  const count = async (): Promise<number> => {
    const devices = parseDomain((await main.call.domainGetXmlDesc({ dom })).xml).xml.find('devices')
    return devices?.children(device.name).length ?? 0
  }
  const before = await count()
  await main.call.domainDetachDeviceFlags({ dom, xml: device.toString(), flags })
  for (
    let waited = 0;
    (flags & c.VIR_DOMAIN_AFFECT_LIVE) !== 0 && waited < 100 && (await count()) >= before;
    waited++
  ) {
    await context.clock.sleep(100)
  }
  context.touch({ domain: dom.uuid })
}

export async function change(context: LibvirtContext, dom: Domain, device: XmlElement): Promise<void> {
  const { main } = context.link
  await main.call.domainUpdateDeviceFlags({ dom, xml: device.toString(), flags: await affected(main, dom) })
  context.touch({ domain: dom.uuid })
}

async function insertMedia(context: LibvirtContext, id: VmId, disk: DiskId): Promise<void> {
  const dom = await domainOf(context, id)
  const { path } = await volumeInfo(context, disk)
  const domain = await specOf(context, dom)
  const drive = domain.disks.find(({ device }) => device === 'cdrom')
  const inserted = diskXml({
    path,
    format: 'raw',
    target: drive?.target ?? freeTarget(domain.disks, 'sata'),
    bus: drive?.bus ?? 'sata',
    device: 'cdrom',
  })
  if (drive) await change(context, dom, inserted)
  // A drive of SATA cannot be plugged while the VM runs: only its next start has it.
  else await redefine(context, dom, (definition) => void definition.ensure('devices').add(inserted))
}
