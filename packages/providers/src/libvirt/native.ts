import { parseId, type ResourceId } from '@nixen/api'
import type { NativeObject } from '../provider.ts'
import { domainOf, networkOf, poolOf, volumeOf, type LibvirtContext } from './actions/context.ts'
import { parseNodeDevice } from '@nixen/libvirt'
import { plain } from './inspect.ts'
import { notFound } from '../xapi/not-found.ts'
import { isGone } from './errors.ts'
import { builtIns } from './build/templates.ts'

/** What libvirt itself says of an object: its XML, and what it is called by. Passwords are left out, as libvirt does. */
export async function fetchNative(context: LibvirtContext, id: ResourceId): Promise<NativeObject> {
  const { call } = context.link.main
  const parts = parseId(id)
  if (!parts || parts.connection !== context.connection) throw notFound(parts?.type ?? 'vm', id)
  const { type, key } = parts
  // Each case has looked at the type of the id, which the parts do not tell the compiler.
  const as = id as never
  switch (type) {
    case 'vm':
    case 'template': {
      const builtIn = builtIns.find((one) => one.key === key)
      if (builtIn) return { class: 'template', ref: key, record: { ...builtIn } }
      const dom = await domainOf(context, as, type)
      const [{ xml }, state] = await Promise.all([call.domainGetXmlDesc({ dom }), call.domainGetState({ dom })])
      return native('domain', dom.uuid, { ...dom, ...state, xml })
    }
    case 'storage': {
      const pool = await poolOf(context, as)
      const [{ xml }, info] = await Promise.all([
        call.storagePoolGetXmlDesc({ pool }),
        call.storagePoolGetInfo({ pool }),
      ])
      return native('pool', pool.uuid, { ...pool, ...info, xml })
    }
    case 'disk': {
      const vol = await volumeOf(context, as)
      return native('volume', vol.key, { ...vol, ...(await call.storageVolGetXmlDesc({ vol })) })
    }
    case 'network': {
      const net = await networkOf(context, as)
      const [{ xml }, active] = await Promise.all([call.networkGetXmlDesc({ net }), call.networkIsActive({ net })])
      return native('network', net.uuid, { ...net, ...active, xml })
    }
    case 'host':
    case 'pool':
      if (key !== context.hostKey) throw notFound(type, id)
      return native(type, key, { ...(await call.nodeGetInfo()), ...(await call.connectGetCapabilities()) })
    case 'snapshot':
    case 'nic':
      return await nested(context, id, { type, key })
    case 'task':
    case 'alarm':
      throw notFound(type, id)
  }
}

async function nested(
  { link }: LibvirtContext,
  id: ResourceId,
  { type, key }: { readonly type: 'snapshot' | 'nic'; readonly key: string },
): Promise<NativeObject> {
  const { call } = link.main
  try {
    if (/^[0-9a-f-]{36}\./.test(key)) {
      const { dom } = await call.domainLookupByUuid({ uuid: key.slice(0, 36) })
      if (type === 'nic') return native('interface', key, { ...dom, ...(await call.domainGetXmlDesc({ dom })) })
      const { snap } = await call.domainSnapshotLookupByName({ dom, name: key.slice(37) })
      return native('snapshot', key, {
        domain: dom.name,
        uuid: dom.uuid,
        name: snap.name,
        ...(await call.domainSnapshotGetXmlDesc({ snap })),
      })
    }
    const { xml } = await call.nodeDeviceGetXmlDesc({ name: key })
    const { xml: _parsed, ...device } = parseNodeDevice(xml)
    return native('device', key, { ...device, xml })
  } catch (error) {
    if (isGone(error)) throw notFound(type, id, error)
    throw error
  }
}

function native(className: string, ref: string, record: object): NativeObject {
  // `plain` keeps an object an object.
  return { class: className, ref, record: plain(record) as NativeObject['record'] }
}
