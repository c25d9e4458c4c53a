import { parseId, type ConnectionId, type ResourceId, type ResourceType } from '@nixen/api'
import type { Clock, Random } from '@nixen/core'
import {
  constants as c,
  parseXml,
  type Domain,
  type Libvirt,
  type Network,
  type StoragePool,
  type StorageVol,
  type XmlElement,
} from '@nixen/libvirt'
import { isGone } from '../errors.ts'
import type { Link } from '../link.ts'
import { notFound } from '../../xapi/not-found.ts'

/** What something of libvirt was done with, so that it is read again. */
export interface Touched {
  readonly domain?: string | undefined
  readonly pool?: string | undefined
  readonly network?: string | undefined
}

/** What all actions work with. Nothing in it needs the inventory. */
export interface LibvirtContext {
  readonly link: Link
  readonly connection: ConnectionId
  /** Names the host, and the pool that it is. */
  readonly hostKey: string
  readonly clock: Clock
  readonly random: Random
  /** Has what was changed told at once. */
  readonly touch: (what: Touched) => void
}

/** The provider's key of an object. @throws TYPE.not_found for the id of another connection or type */
export function keyOf<T extends ResourceType>({ connection }: LibvirtContext, id: ResourceId<T>, type: T): string {
  const parts = parseId(id, type)
  if (parts?.connection !== connection) throw notFound(type, id)
  return parts.key
}

/** The domain that a VM or template is. @throws TYPE.not_found */
export async function domainOf(
  context: LibvirtContext,
  id: ResourceId<'vm'> | ResourceId<'template'>,
  type: 'vm' | 'template' = 'vm',
): Promise<Domain> {
  const key = keyOf(context, id as ResourceId, type)
  return await found(type, id, async () => (await context.link.main.call.domainLookupByUuid({ uuid: key })).dom)
}

export async function poolOf(context: LibvirtContext, id: ResourceId<'storage'>): Promise<StoragePool> {
  const uuid = keyOf(context, id, 'storage')
  return await found('storage', id, async () => (await context.link.main.call.storagePoolLookupByUuid({ uuid })).pool)
}

export async function volumeOf(context: LibvirtContext, id: ResourceId<'disk'>): Promise<StorageVol> {
  const key = keyOf(context, id, 'disk')
  return await found('disk', id, async () => (await context.link.main.call.storageVolLookupByKey({ key })).vol)
}

export async function networkOf(context: LibvirtContext, id: ResourceId<'network'>): Promise<Network> {
  const uuid = keyOf(context, id, 'network')
  return await found('network', id, async () => (await context.link.main.call.networkLookupByUuid({ uuid })).net)
}

async function found<T>(type: ResourceType, id: ResourceId, look: () => Promise<T>): Promise<T> {
  try {
    return await look()
  } catch (error) {
    if (isGone(error) || isMalformed(error)) throw notFound(type, id, error)
    throw error
  }
}

/** A key that is no UUID names nothing. */
function isMalformed(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'libvirt.bad_value'
}

/** The definition of a domain: what it starts with, secrets included. */
export async function definitionOf({ call }: Libvirt, dom: Domain): Promise<XmlElement> {
  const flags = c.VIR_DOMAIN_XML_INACTIVE | c.VIR_DOMAIN_XML_SECURE
  return parseXml((await call.domainGetXmlDesc({ dom, flags })).xml, { root: 'domain' })
}

/** Changes the definition of a domain; what runs keeps what it has until its next start. */
export async function redefine(
  context: LibvirtContext,
  dom: Domain,
  change: (xml: XmlElement) => void | Promise<void>,
): Promise<void> {
  const { main } = context.link
  const xml = await definitionOf(main, dom)
  await change(xml)
  await main.call.domainDefineXmlFlags({ xml: xml.toString(), flags: c.VIR_DOMAIN_DEFINE_VALIDATE })
  context.touch({ domain: dom.uuid })
}

/** Whether a domain runs, paused or not. */
export async function isActive({ call }: Libvirt, dom: Domain): Promise<boolean> {
  return (await call.domainIsActive({ dom })).active === 1
}

/** Where a change of devices goes: to what runs too, if it runs. */
export async function affected(libvirt: Libvirt, dom: Domain): Promise<number> {
  const persistent = (await libvirt.call.domainIsPersistent({ dom })).persistent === 1
  const live = await isActive(libvirt, dom)
  return (persistent ? c.VIR_DOMAIN_AFFECT_CONFIG : 0) | (live ? c.VIR_DOMAIN_AFFECT_LIVE : 0)
}
