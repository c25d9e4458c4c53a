import { connectionErrors, formatId, type HostDevice } from '@nixen/api'
import { constants as c, optional, parseDomain, parseNodeDevice, parseStorageVolume } from '@nixen/libvirt'
import type { ProviderInspect } from '../inspect/inspect.ts'
import type { Translate } from './actions/actions.ts'
import { definitionOf, domainOf, isActive, keyOf, type LibvirtContext } from './actions/context.ts'
import { ownVolumes, volumeBehind } from './actions/vm-lifecycle.ts'
import { snapshotKey } from './build/vm.ts'
import { isGone } from './errors.ts'

/** Questions that a libvirt host answers. */
export function libvirtInspect(context: LibvirtContext, translate: Translate): ProviderInspect {
  const { main } = context.link
  const { connection, hostKey } = context
  const asked = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      throw translate(error)
    }
  }
  return {
    placement: async (vm) =>
      await asked(async () => {
        await domainOf(context, vm)
        const [{ hostname }, { freeMem }] = await Promise.all([
          main.call.connectGetHostname(),
          main.call.nodeGetFreeMemory(),
        ])
        const host = formatId({ type: 'host', connection, key: hostKey })
        return [{ host, name: hostname, possible: true, free: Number(freeMem) }]
      }),
    deletion: async (vm) =>
      await asked(async () => {
        const dom = await domainOf(context, vm)
        const own = await ownVolumes(context, dom)
        const { snapshots } = await main.call.domainListAllSnapshots({ dom, needResults: 1 })
        const { disks } = parseDomain((await definitionOf(main, dom)).toString())
        const described = async (vol: (typeof own)[number]) => {
          const { capacity } = parseStorageVolume((await main.call.storageVolGetXmlDesc({ vol })).xml)
          return { id: formatId({ type: 'disk', connection, key: vol.key }), name: vol.name, size: capacity }
        }
        const kept = []
        for (const disk of disks) {
          const vol = await volumeBehind(main, disk)
          if (!vol || own.some(({ key }) => key === vol.key)) continue
          const reason = disk.device === 'disk' ? 'Another VM or disk needs it.' : 'It is in a drive for media.'
          kept.push({ ...(await described(vol)), reason })
        }
        return {
          disks: await Promise.all(own.map(described)),
          kept,
          snapshots: snapshots.map(({ name }) => ({
            id: formatId({ type: 'snapshot', connection, key: snapshotKey(dom.uuid, name) }),
            name,
          })),
          ...((await isActive(main, dom)) ? { blocked: 'It runs.' } : {}),
        }
      }),
    patches: async () => await Promise.resolve([]),
    devices: async (host) =>
      await asked(async () => {
        keyOf(context, host, 'host')
        return await devicesOf(context)
      }),
    call: async ({ method, args, write }) =>
      await asked(async () => await nativeCall(context, method, { args, write })),
  }
}

async function devicesOf({ link, connection }: LibvirtContext): Promise<readonly HostDevice[]> {
  const { call } = link.main
  const flags = c.VIR_CONNECT_LIST_NODE_DEVICES_CAP_PCI_DEV | c.VIR_CONNECT_LIST_NODE_DEVICES_CAP_USB_DEV
  const found = (await optional(call.connectListAllNodeDevices({ needResults: 1, flags })))?.devices ?? []
  const users = await hostDeviceUsers(link)
  const devices: HostDevice[] = []
  for (const { name } of found) {
    const text = await call.nodeDeviceGetXmlDesc({ name }).catch((error: unknown) => {
      if (isGone(error)) return undefined
      throw error
    })
    if (!text) continue
    const device = parseNodeDevice(text.xml)
    const { vendor, product, pciAddress } = device
    const label = [vendor?.name, product?.name].filter(Boolean).join(' ') || name
    const isPci = pciAddress !== undefined
    // Hubs of USB are no devices for guests.
    if (!isPci && (device.capability !== 'usb_device' || vendor?.id === '0x1d6b')) continue
    const key = pciAddress ?? `${vendor?.id.slice(2)}:${product?.id.slice(2)}`
    const vms = (users.get(key) ?? []).map((uuid) => formatId({ type: 'vm', connection, key: uuid }))
    devices.push({ kind: isPci ? 'pci' : 'usb', key, name: label, vms })
  }
  return devices
}

/** Uuids of the domains that use a device of the host, by its key. */
async function hostDeviceUsers(link: LibvirtContext['link']): Promise<ReadonlyMap<string, readonly string[]>> {
  const { call } = link.main
  const users = new Map<string, string[]>()
  for (const dom of (await call.connectListAllDomains({ needResults: 1, flags: 0 })).domains) {
    const { xml } = parseDomain((await call.domainGetXmlDesc({ dom })).xml)
    for (const device of xml.find('devices')?.children('hostdev') ?? []) {
      const at = device.find('source', 'address')
      const part = (name: string, digits: number): string =>
        Number(at?.get(name) ?? 0)
          .toString(16)
          .padStart(digits, '0')
      const usb = ['vendor', 'product']
        .map((name) => device.find('source', name)?.get('id')?.replace(/^0x/, '') ?? '')
        .join(':')
      const key =
        device.get('type') === 'pci'
          ? `${part('domain', 4)}:${part('bus', 2)}:${part('slot', 2)}.${Number(at?.get('function') ?? 0)}`
          : usb
      users.set(key, [...(users.get(key) ?? []), dom.uuid])
    }
  }
  return users
}

/** Procedures that only read, and give no secret. */
const reading =
  /^(connect|domain|network|storagePool|storageVol|nodeDevice|node|nwfilter|secret|interface)(Get|List|Is|Has|Lookup|Num|Memory)/
const guarded = /^secretGetValue$|MonitorCommand|AgentCommand/

/** Calls a procedure by its name here (`domainGetState`) with its arguments as one object. */
async function nativeCall(
  { link }: LibvirtContext,
  method: string,
  { args, write }: { readonly args: readonly unknown[]; readonly write: boolean },
): Promise<unknown> {
  const { call } = link.main
  if (!Object.hasOwn(call, method)) {
    throw connectionErrors.unsupported({
      action: method,
      reason: 'There is no such procedure; an example is domainGetState.',
    })
  }
  if (!write && (!reading.test(method) || guarded.test(method))) {
    throw connectionErrors.unsupported({
      action: method,
      reason: 'It may change something or give out a secret. Say "write" to send it all the same.',
    })
  }
  // One of the keys, and what is wrong in the arguments is refused before it is sent.
  const run = call[method as keyof typeof call] as (args: unknown) => Promise<unknown>
  return plain(await run(args[0] ?? {}))
}

/** Plain JSON: integers of 64 bits as numbers where they fit, bytes in hexadecimal. */
export function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]))
}
