import type { Database } from '../db/database.ts'
import type { Ref } from '../generated/rows.ts'

/** How a pool serves NBD, from the purposes of its networks: with TLS, without, or not at all. Both purposes at once are refused. */
export function nbdMode(db: Database): 'tls' | 'plain' | 'off' {
  const purposes = new Set([...db.rows('network')].flatMap(({ values }) => values.purpose))
  if (purposes.has('nbd') === purposes.has('insecure_nbd')) return 'off'
  return purposes.has('nbd') ? 'tls' : 'plain'
}

/** Addresses by which NBD clients reach a host: those of its attached interfaces on networks with the purpose. */
export function nbdAddresses(db: Database, host: Ref<'host'>): string[] {
  const addresses: string[] = []
  for (const ref of db.get('host', host).PIFs) {
    const { currently_attached, network, IP, IPv6 } = db.get('PIF', ref)
    const purposes = db.find('network', network)?.purpose ?? []
    if (!currently_attached || !purposes.some((purpose) => purpose === 'nbd' || purpose === 'insecure_nbd')) continue
    // IPv6 addresses come with the length of their prefix.
    addresses.push(...[IP, ...IPv6.map((address) => address.split('/')[0] ?? '')].filter((address) => address !== ''))
  }
  return addresses
}
