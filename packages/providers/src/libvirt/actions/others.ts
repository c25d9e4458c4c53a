import { connectionErrors, diskErrors, formatId, parseId, type SnapshotId } from '@nixen/api'
import { constants as c, parseDomain, xml, type Domain, type StorageVol } from '@nixen/libvirt'
import type { ProviderActions } from '../../action/actions.ts'
import { notFound } from '../../xapi/not-found.ts'
import { isGone } from '../errors.ts'
import { readMetadata, setMetadata } from '../metadata.ts'
import { domainOf, isActive, keyOf, networkOf, poolOf, redefine, volumeOf, type LibvirtContext } from './context.ts'
import { builtIns } from '../build/templates.ts'
import { refusals, refuse } from './refuse.ts'
import { change, nicOf } from './vm-devices.ts'
import { copyDomain, isBelow, ownVolumes, undefine } from './vm-lifecycle.ts'
import { withJobAbort } from './vm-power.ts'
import { copyVolume, formatOf, freeName, volumeXml } from './volumes.ts'

export function snapshotActions(context: LibvirtContext): ProviderActions['snapshot'] {
  return {
    ...refuse('snapshot', refusals.snapshot),
    async revert({ id, keep, start }, task) {
      const { dom, name } = await snapshotOf(context, id)
      if (keep) {
        const before = `before-${name}-${context.clock.now()}`
        const text = xml('domainsnapshot', {}, xml('name', {}, before)).toString()
        await context.link.slow(async ({ call }) => await call.domainSnapshotCreateXml({ dom, xmlDesc: text }), task)
      }
      const flags = start ? c.VIR_DOMAIN_SNAPSHOT_REVERT_RUNNING : 0
      await context.link.slow(
        async ({ call }) =>
          await withJobAbort(context, dom, task, call.domainRevertToSnapshot({ snap: { dom, name }, flags })),
        task,
      )
      context.touch({ domain: dom.uuid })
    },
    async delete({ id }, task) {
      const { dom, name } = await snapshotOf(context, id)
      await context.link.slow(
        async ({ call }) => await call.domainSnapshotDelete({ snap: { dom, name }, flags: 0 }),
        task,
      )
      context.touch({ domain: dom.uuid })
    },
  }
}

async function snapshotOf(context: LibvirtContext, id: SnapshotId): Promise<{ dom: Domain; name: string }> {
  const key = keyOf(context, id, 'snapshot')
  try {
    // Uuid of the domain, a point, and the name.
    const { dom } = await context.link.main.call.domainLookupByUuid({ uuid: key.slice(0, 36) })
    const { snap } = await context.link.main.call.domainSnapshotLookupByName({ dom, name: key.slice(37) })
    return { dom, name: snap.name }
  } catch (error) {
    if (isGone(error)) throw notFound('snapshot', id, error)
    throw error
  }
}

export function templateActions(context: LibvirtContext): ProviderActions['template'] {
  return {
    async update({ id, name, description, tags }) {
      notBuiltIn(id)
      const dom = await domainOf(context, id, 'template')
      await redefine(context, dom, (definition) => {
        if (description !== undefined) definition.ensure('description').setText(description)
        if (tags !== undefined) setMetadata(definition, { ...readMetadata(definition), tags: [...tags].toSorted() })
      })
      if (name !== undefined && name !== dom.name) await context.link.main.call.domainRename({ dom, newName: name })
      context.touch({ domain: dom.uuid })
    },
    async clone({ id, name }, task) {
      notBuiltIn(id)
      const dom = await domainOf(context, id, 'template')
      const change = (definition: Parameters<typeof setMetadata>[0]): void =>
        setMetadata(definition, { ...readMetadata(definition), isTemplate: true })
      const key = await copyDomain(context, dom, { name: name ?? `${dom.name} (copy)`, how: 'full', change }, task)
      return { made: [formatId({ type: 'template', connection: context.connection, key })] }
    },
    async convertToVm({ id }) {
      notBuiltIn(id)
      const dom = await domainOf(context, id, 'template')
      for (const vol of await allVolumes(context, dom)) {
        if (await isBelow(context.link.main, vol))
          throw diskErrors.in_use({ id: vol.key, name: vol.name, by: 'VMs that were made from it' })
      }
      await redefine(context, dom, (definition) =>
        setMetadata(definition, { ...readMetadata(definition), isTemplate: false }),
      )
      return { made: [formatId({ type: 'vm', connection: context.connection, key: dom.uuid })] }
    },
    async delete({ id }) {
      notBuiltIn(id)
      const dom = await domainOf(context, id, 'template')
      const vols = await ownVolumes(context, dom)
      await undefine(context.link.main, dom)
      context.touch({ domain: dom.uuid })
      for (const vol of vols) await deleteVolume(context, vol)
    },
  }
}

function notBuiltIn(id: string): void {
  const key = parseId(id)?.key
  if (!builtIns.some((one) => one.key === key)) return
  throw connectionErrors.unsupported({ action: 'template', reason: 'This template comes with Nixen.' })
}

async function allVolumes(context: LibvirtContext, dom: Domain): Promise<StorageVol[]> {
  const { call } = context.link.main
  const { disks } = parseDomain((await call.domainGetXmlDesc({ dom })).xml)
  const vols: StorageVol[] = []
  for (const { backing } of disks) {
    if (!('path' in backing)) continue
    const found = await call.storageVolLookupByPath({ path: backing.path }).catch((error: unknown) => {
      if (isGone(error)) return undefined
      throw error
    })
    if (found) vols.push(found.vol)
  }
  return vols
}

async function deleteVolume(context: LibvirtContext, vol: StorageVol): Promise<void> {
  const { main } = context.link
  const { pool } = await main.call.storagePoolLookupByName({ name: vol.pool })
  await context.link.slow(async ({ call }) => await call.storageVolDelete({ vol, flags: 0 }))
  context.touch({ pool: pool.uuid })
}

/** Domains that have a volume, by the path of it. */
async function usersOf(context: LibvirtContext, vol: StorageVol): Promise<{ dom: Domain; target: string }[]> {
  const { call } = context.link.main
  const { name: path } = await call.storageVolGetPath({ vol })
  const { domains } = await call.connectListAllDomains({ needResults: 1, flags: 0 })
  const users: { dom: Domain; target: string }[] = []
  for (const dom of domains) {
    for (const { backing, target } of parseDomain((await call.domainGetXmlDesc({ dom })).xml).disks) {
      const isIt =
        'path' in backing
          ? backing.path === path
          : backing.kind === 'volume' && backing.volume === vol.name && backing.pool === vol.pool
      if (isIt) users.push({ dom, target })
    }
  }
  return users
}

export function diskActions(context: LibvirtContext): ProviderActions['disk'] {
  const made = (vol: StorageVol) => ({
    made: [formatId({ type: 'disk', connection: context.connection, key: vol.key })],
  })
  const copyTo = async (
    from: StorageVol,
    pool: Awaited<ReturnType<typeof poolOf>>,
    name: string,
    signal: AbortSignal,
  ) => {
    for (const { dom } of await usersOf(context, from)) {
      if (await isActive(context.link.main, dom))
        throw diskErrors.in_use({ id: from.key, name: from.name, by: dom.name })
    }
    const vol = await context.link.slow(async (libvirt) => await copyVolume(libvirt, from, { pool, name }), { signal })
    context.touch({ pool: pool.uuid })
    return made(vol)
  }
  return {
    ...refuse('disk', refusals.disk),
    async create({ storage, name, size }) {
      const { main } = context.link
      const pool = await poolOf(context, storage)
      const format = await formatOf(main, pool)
      const text = volumeXml({ name: await freeName(main, pool, { wanted: name, format }), size, format })
      const { vol } = await main.call.storageVolCreateXml({ pool, xml: text })
      context.touch({ pool: pool.uuid })
      return made(vol)
    },
    async resize({ id, size }) {
      const { main } = context.link
      const vol = await volumeOf(context, id)
      for (const { dom, target } of await usersOf(context, vol)) {
        if (!(await isActive(main, dom))) continue
        await main.call.domainBlockResize({
          dom,
          disk: target,
          size: BigInt(size),
          flags: c.VIR_DOMAIN_BLOCK_RESIZE_BYTES,
        })
        context.touch({ pool: (await main.call.storagePoolLookupByName({ name: vol.pool })).pool.uuid })
        return
      }
      await main.call.storageVolResize({ vol, capacity: BigInt(size), flags: 0 })
      context.touch({ pool: (await main.call.storagePoolLookupByName({ name: vol.pool })).pool.uuid })
    },
    async clone({ id, name }, task) {
      const vol = await volumeOf(context, id)
      const { pool } = await context.link.main.call.storagePoolLookupByName({ name: vol.pool })
      return await copyTo(vol, pool, name ?? `${vol.name} (clone)`, task.signal)
    },
    async copy({ id, storage, name }, task) {
      const vol = await volumeOf(context, id)
      return await copyTo(vol, await poolOf(context, storage), name ?? `${vol.name} (copy)`, task.signal)
    },
    async delete({ id }) {
      const vol = await volumeOf(context, id)
      const [user] = await usersOf(context, vol)
      if (user) throw diskErrors.in_use({ id, name: vol.name, by: user.dom.name })
      if (await isBelow(context.link.main, vol))
        throw diskErrors.in_use({ id, name: vol.name, by: 'a disk that was made from it' })
      await deleteVolume(context, vol)
    },
  }
}

export function storageActions(context: LibvirtContext): ProviderActions['storage'] {
  const { main } = context.link
  const onPool = async (
    id: Parameters<typeof poolOf>[1],
    work: (pool: Awaited<ReturnType<typeof poolOf>>) => Promise<unknown>,
  ) => {
    const pool = await poolOf(context, id)
    await work(pool)
    context.touch({ pool: pool.uuid })
  }
  return {
    ...refuse('storage', refusals.storage),
    async create({ name, source }) {
      const text = poolXml(name, source)
      const { pool } = await main.call.storagePoolDefineXml({ xml: text })
      try {
        await context.link.slow(async ({ call }) => {
          await call.storagePoolBuild({ pool, flags: 0 })
          await call.storagePoolCreate({ pool, flags: 0 })
        })
        await main.call.storagePoolSetAutostart({ pool, autostart: 1 })
      } catch (error) {
        await main.call.storagePoolUndefine({ pool })
        throw error
      }
      context.touch({ pool: pool.uuid })
      return { made: [formatId({ type: 'storage', connection: context.connection, key: pool.uuid })] }
    },
    scan: async ({ id }) =>
      await onPool(
        id,
        async (pool) => await context.link.slow(async ({ call }) => await call.storagePoolRefresh({ pool })),
      ),
    connect: async ({ id }) =>
      await onPool(
        id,
        async (pool) => await context.link.slow(async ({ call }) => await call.storagePoolCreate({ pool, flags: 0 })),
      ),
    disconnect: async ({ id }) => await onPool(id, async (pool) => await main.call.storagePoolDestroy({ pool })),
    forget: async ({ id }) => await onPool(id, async (pool) => await main.call.storagePoolUndefine({ pool })),
    async delete({ id }) {
      await onPool(id, async (pool) => {
        const { active } = await main.call.storagePoolIsActive({ pool })
        const vols = active === 1 ? (await main.call.storagePoolListAllVolumes({ pool, needResults: 1 })).vols : []
        if (vols.length > 0) {
          throw connectionErrors.unsupported({
            action: 'storage delete',
            reason: `It holds ${vols.length} disks. Delete them first, or use "storage forget".`,
          })
        }
        if (active === 1) await main.call.storagePoolDestroy({ pool })
        await main.call.storagePoolDelete({ pool, flags: 0 })
        await main.call.storagePoolUndefine({ pool })
      })
    },
  }
}

type Source = Parameters<ProviderActions['storage']['create']>[0]['source']

function poolXml(name: string, source: Source): string {
  const named = xml('name', {}, name)
  switch (source.kind) {
    case 'file':
    case 'iso-local':
      return xml('pool', { type: 'dir' }, named, xml('target', {}, xml('path', {}, source.path))).toString()
    case 'nfs':
    case 'iso-nfs': {
      const from = [
        xml('host', { name: source.server }),
        xml('dir', { path: source.path }),
        xml('format', { type: 'nfs' }),
      ]
      const protocol = source.version === undefined ? [] : [xml('protocol', { ver: source.version })]
      return netPool(named, name, [...from, ...protocol])
    }
    case 'lvm': {
      const target = xml('target', {}, xml('path', {}, `/dev/${name}`))
      return xml(
        'pool',
        { type: 'logical' },
        named,
        xml('source', {}, xml('device', { path: source.device })),
        target,
      ).toString()
    }
    case 'ext': {
      const from = xml('source', {}, xml('device', { path: source.device }), xml('format', { type: 'ext4' }))
      const target = xml('target', {}, xml('path', {}, `/var/lib/libvirt/nixen/${name}`))
      return xml('pool', { type: 'fs' }, named, from, target).toString()
    }
    case 'smb':
    case 'iso-smb':
    case 'iscsi':
      throw connectionErrors.unsupported({
        action: 'storage create',
        reason: `Define a pool of the kind ${source.kind} with virsh; it is told here.`,
      })
  }
}

function netPool(named: ReturnType<typeof xml>, name: string, from: readonly ReturnType<typeof xml>[]): string {
  const target = xml('target', {}, xml('path', {}, `/var/lib/libvirt/nixen/${name}`))
  return xml('pool', { type: 'netfs' }, named, xml('source', {}, ...from), target).toString()
}

export function networkActions(context: LibvirtContext): ProviderActions['network'] {
  const { main } = context.link
  return {
    ...refuse('network', refusals.network),
    async create({ name, description, mtu, vlan, bond, tunnel }) {
      if (vlan ?? bond ?? tunnel) {
        throw connectionErrors.unsupported({
          action: 'network create',
          reason: 'Make the bridge with its VLAN or bond on the host, then define a network on it.',
        })
      }
      const parts = [
        xml('name', {}, name),
        ...(description === '' ? [] : [xml('description', {}, description)]),
        xml('bridge', { stp: 'on', delay: 0 }),
        ...(mtu === undefined ? [] : [xml('mtu', { size: mtu })]),
      ]
      const { net } = await main.call.networkDefineXml({ xml: xml('network', {}, ...parts).toString() })
      try {
        await main.call.networkCreate({ net })
        await main.call.networkSetAutostart({ net, autostart: 1 })
      } catch (error) {
        await main.call.networkUndefine({ net })
        throw error
      }
      context.touch({ network: net.uuid })
      return { made: [formatId({ type: 'network', connection: context.connection, key: net.uuid })] }
    },
    async delete({ id }) {
      const net = await networkOf(context, id)
      const { active } = await main.call.networkIsActive({ net })
      if (active === 1) await main.call.networkDestroy({ net })
      const { persistent } = await main.call.networkIsPersistent({ net })
      // One that is not persistent has gone with its end.
      if (persistent === 1) await main.call.networkUndefine({ net })
      context.touch({ network: net.uuid })
    },
  }
}

export function nicActions(context: LibvirtContext): ProviderActions['nic'] {
  const onNic = async (
    id: Parameters<typeof nicOf>[2],
    edit: (nic: ReturnType<typeof xml>) => void | Promise<void>,
  ) => {
    const { dom } = await context.link.main.call.domainLookupByUuid({ uuid: keyOf(context, id, 'nic').slice(0, 36) })
    const { xml: element } = await nicOf(context, dom, id)
    await edit(element)
    await change(context, dom, element)
  }
  const link = (state: 'up' | 'down') => (nic: ReturnType<typeof xml>) => void nic.ensure('link').set('state', state)
  return {
    ...refuse('nic', refusals.nic),
    connect: async ({ id }) => await onNic(id, link('up')),
    disconnect: async ({ id }) => await onNic(id, link('down')),
    async update({ id, network, locking, allowedIps, rateLimit, txChecksum }) {
      if (allowedIps !== undefined || txChecksum !== undefined) {
        throw connectionErrors.unsupported({
          action: 'nic update',
          reason: 'Use a filter of libvirt (nwfilter) for this.',
        })
      }
      await onNic(id, async (nic) => {
        if (network !== undefined) nic.ensure('source').set('network', (await networkOf(context, network)).name)
        if (locking === 'disabled') nic.ensure('link').set('state', 'down')
        else if (locking === 'locked') nic.remove('filterref').add(xml('filterref', { filter: 'clean-traffic' }))
        else if (locking !== undefined) nic.remove('filterref')
        if (rateLimit === undefined) return
        nic.remove('bandwidth')
        // KiB/s (libvirt's unit) from bit/s.
        if (rateLimit !== null)
          nic.add(xml('bandwidth', {}, xml('outbound', { average: Math.max(1, Math.round(rateLimit / 8 / 1024)) })))
      })
    },
  }
}
