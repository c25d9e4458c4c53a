import type { Vm } from '@nixen/api'
import { constants as c, isLibvirtError, type Domain, type Libvirt, type TypedParam } from '@nixen/libvirt'
import type { GuestRow } from '../model/rows.ts'

/** What of the guest is asked for. */
const wanted = c.VIR_DOMAIN_GUEST_INFO_OS | c.VIR_DOMAIN_GUEST_INFO_HOSTNAME | c.VIR_DOMAIN_GUEST_INFO_INTERFACES
/** Milliseconds: an agent that hangs must not hold the rest. */
const patience = 10_000

/** Asks the agent in a guest; `undefined` when it does not answer. */
export async function readGuest({ call }: Libvirt, dom: Domain): Promise<GuestRow | undefined> {
  const known = await attempt(call.domainGetGuestInfo({ dom, types: wanted }, { timeout: patience }))
  // Some agents do not know all of it, and then nothing is told: ask for the rest alone.
  const info = known ?? (await attempt(call.domainGetGuestInfo({ dom, types: 0 }, { timeout: patience })))
  if (!info) return undefined
  const values = valuesOf(info.params)
  return { hostname: values.get('hostname') || undefined, os: osOf(values), addresses: addressesOf(values) }
}

async function attempt<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call
  } catch (error) {
    if (isLibvirtError(error)) return undefined
    throw error
  }
}

/** Parameters by name, as text. */
export function valuesOf(params: readonly TypedParam[]): ReadonlyMap<string, string> {
  return new Map(params.map(({ field, value }) => [field, String(value.value)]))
}

function osOf(values: ReadonlyMap<string, string>): Vm['os'] {
  const name = values.get('os.pretty-name') || values.get('os.name') || values.get('os.id')
  if (name === undefined || name === '') return undefined
  const id = values.get('os.id') ?? ''
  const family = id === 'mswindows' ? 'windows' : /bsd/.test(id) ? 'bsd' : 'linux'
  const version = values.get('os.version-id') || values.get('os.version')
  const kernel = values.get('os.kernel-release')
  return { name, family, ...(version ? { version } : {}), ...(kernel ? { kernel } : {}) }
}

function addressesOf(values: ReadonlyMap<string, string>): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>()
  const count = Number(values.get('if.count') ?? 0)
  for (let i = 0; i < count; i++) {
    const mac = values.get(`if.${i}.hwaddr`)?.toLowerCase()
    if (mac === undefined || mac === '00:00:00:00:00:00') continue
    const addresses: string[] = []
    for (let k = 0; k < Number(values.get(`if.${i}.addr.count`) ?? 0); k++) {
      const address = values.get(`if.${i}.addr.${k}.addr`) ?? ''
      // Link-local addresses are of no use to who wants to reach the guest.
      if (address !== '' && !address.startsWith('fe80:')) addresses.push(address)
    }
    found.set(mac, addresses)
  }
  return found
}
