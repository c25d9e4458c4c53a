import { formatId, type VmId } from '@nixen/api'
import { newUuid } from '@nixen/core'
import { constants as c, parseXml, readDisk, xml, type Domain, type XmlElement } from '@nixen/libvirt'
import type { InstantActions, InstantDisk, InstantRequest, MoveOptions } from '../../instant/instant-actions.ts'
import type { Translate } from '../actions/actions.ts'
import { definitionOf, domainOf, poolOf, type LibvirtContext } from '../actions/context.ts'
import { diskXml } from '../actions/devices.ts'
import { newIdentity } from '../actions/vm-lifecycle.ts'
import { startDomain } from '../actions/vm-power.ts'
import { formatOf, freeName, volumeXml } from '../actions/volumes.ts'
import { readMetadata, setMetadata } from '../metadata.ts'

/** Milliseconds between two looks at a copy. */
const pace = 200

/** Starting VMs from a repository: QEMU reads and writes the exports over NBD, and copies them to a storage while the guest runs. */
export function libvirtInstant(context: LibvirtContext, translate: Translate): InstantActions {
  const { transport } = context.link.main.uri
  const asked = async <T>(work: () => Promise<T>, id?: VmId): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      throw translate(error, id)
    }
  }
  return {
    ...(transport === 'unix'
      ? {}
      : { impossible: 'libvirt is not on this machine, and QEMU would have to reach the disks here.' }),
    reach: 'unix',
    start: async (request, { journal }) =>
      await asked(async () => {
        const uuid = newUuid()
        const definition = await definitionFor(context, request, uuid)
        const step = { kind: 'protect.domain.undefine', what: `Remove the VM ${request.name}`, data: { uuid } }
        const entry = await journal.undo(step)
        await context.link.main.call.domainDefineXmlFlags({ xml: definition.toString() })
        context.touch({ domain: uuid })
        const vm = formatId({ type: 'vm', connection: context.connection, key: uuid })
        const { dom } = await context.link.main.call.domainLookupByUuid({ uuid })
        await context.link.slow(async (libvirt) => await startDomain(libvirt, dom, { id: vm, paused: false }))
        await entry.forget()
        return { vm, notes: [] }
      }),
    move: async (vm, options) => await asked(async () => await moveDisks(context, vm, options), vm),
  }
}

async function definitionFor(context: LibvirtContext, request: InstantRequest, uuid: string): Promise<XmlElement> {
  const { config, name, disks, networkOf = {}, addTags = [] } = request
  const definition = parseXml(String(config.native['xml']), { root: 'domain' })
  newIdentity(definition, { name, uuid, created: context.clock.now() })
  const devices = definition.ensure('devices')
  for (const element of devices.children('disk')) {
    const { target, device } = readDisk(element)
    const found = disks.find(({ key }) => key === target)
    if (found) setExport(element, found)
    else if (device === 'disk') devices.remove(element)
    else element.remove('source')
  }
  const { nets } = await context.link.main.call.connectListAllNetworks({ needResults: 1 })
  for (const [index, nic] of devices.children('interface').entries()) {
    const known = config.nics.find(({ position }) => position === String(index))
    if (!known) continue
    const asked = networkOf[known.network.key]
    const wanted = asked === undefined ? known.network.key : asked
    const net = nets.find(
      (one) =>
        wanted !== null && (wanted.endsWith(one.uuid) || (asked === undefined && one.name === known.network.name)),
    )
    if (net) nic.ensure('source').set('network', net.name).set('portid', undefined).set('bridge', undefined)
    else devices.remove(nic)
  }
  const old = readMetadata(definition)
  setMetadata(definition, { ...old, tags: [...new Set([...old.tags, ...addTags])].toSorted() })
  return definition
}

function setExport(element: XmlElement, { at, exportName }: InstantDisk): void {
  if (at.kind !== 'unix') throw new TypeError('libvirt reads exports over unix sockets here')
  element.set('type', 'network').remove('source').remove('backingStore').remove('mirror')
  element.ensure('driver').set('name', 'qemu').set('type', 'raw')
  element.add(
    xml('source', { protocol: 'nbd', name: exportName }, xml('host', { transport: 'unix', socket: at.socketPath })),
  )
}

/** Copies each disk that is on an export to a volume, and goes on there. A copy that does not end leaves its disk where it was. */
async function moveDisks(context: LibvirtContext, vm: VmId, options: MoveOptions): Promise<void> {
  const { main } = context.link
  const dom = await domainOf(context, vm)
  const pool = await poolOf(context, options.storage)
  const live = parseXml((await main.call.domainGetXmlDesc({ dom })).xml, { root: 'domain' })
  for (const element of live.find('devices')?.children('disk') ?? []) {
    const { target, backing } = readDisk(element)
    if (backing.kind !== 'network' || backing.protocol !== 'nbd') continue
    const { capacity } = await main.call.domainGetBlockInfo({ dom, path: target })
    const format = await formatOf(main, pool)
    const name = await freeName(main, pool, { wanted: `${dom.name}-${target}`, format })
    const { vol } = await main.call.storageVolCreateXml({
      pool,
      xml: volumeXml({ name, size: Number(capacity), format }),
    })
    const entry = await options.journal.undo({
      kind: 'protect.volume.deleteNamed',
      what: `Remove the half-made disk ${name}`,
      data: { pool: pool.name, name },
    })
    const { name: path } = await main.call.storageVolGetPath({ vol })
    try {
      await copyDisk(context, dom, { target, path, format, total: Number(capacity), options })
    } catch (error) {
      await main.call.storageVolDelete({ vol, flags: 0 }).catch(() => undefined)
      await entry.forget()
      throw error
    }
    await setSource(context, dom, { target, path, format })
    await entry.forget()
    context.touch({ domain: dom.uuid, pool: pool.uuid })
  }
}

interface Copy {
  readonly target: string
  readonly path: string
  readonly format: string
  readonly total: number
  readonly options: MoveOptions
}

async function copyDisk(
  { link, clock }: LibvirtContext,
  dom: Domain,
  { target, path, format, total, options }: Copy,
): Promise<void> {
  const { call } = link.main
  const destxml = diskXml({ path, format, target, bus: 'virtio' }).toString()
  const flags = c.VIR_DOMAIN_BLOCK_COPY_REUSE_EXT | c.VIR_DOMAIN_BLOCK_COPY_TRANSIENT_JOB
  await link.slow(
    async (libvirt) => await libvirt.call.domainBlockCopy({ dom, path: target, destxml, params: [], flags }),
  )
  try {
    for (;;) {
      const { found, cur, end } = await call.domainGetBlockJobInfo({ dom, path: target, flags: 0 })
      if (found === 0) throw new Error('the copy ended by itself')
      options.progress?.({ disk: target, doneBytes: Math.min(Number(cur), total), totalBytes: total })
      // A copy that has caught up follows what is written from there on.
      if (end > 0n && cur === end) break
      await clock.sleep(pace, { signal: options.signal })
    }
    await call.domainBlockJobAbort({ dom, path: target, flags: c.VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT })
  } catch (error) {
    await call.domainBlockJobAbort({ dom, path: target, flags: 0 }).catch(() => undefined)
    throw error
  }
}

/** What the VM starts with the next time. */
async function setSource(
  { link }: LibvirtContext,
  dom: Domain,
  { target, path, format }: Pick<Copy, 'target' | 'path' | 'format'>,
): Promise<void> {
  const definition = await definitionOf(link.main, dom)
  const element = definition
    .find('devices')
    ?.children('disk')
    .find((one) => readDisk(one).target === target)
  if (!element) return
  const isBlock = path.startsWith('/dev/')
  element
    .set('type', isBlock ? 'block' : 'file')
    .remove('source')
    .add(xml('source', isBlock ? { dev: path } : { file: path }))
  element.ensure('driver').set('type', format)
  await link.main.call.domainDefineXmlFlags({ xml: definition.toString() })
}
