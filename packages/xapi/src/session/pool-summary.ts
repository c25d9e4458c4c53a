import { isXapiError } from '../errors.ts'
import type { Records } from '../generated/records.ts'
import type { Ref } from '../values/ref.ts'
import type { Login } from './master-link.ts'

/** What is known of a pool after logging in. */
export interface PoolSummary {
  readonly ref: Ref<'pool'>
  readonly uuid: string
  readonly name: string
  readonly master: {
    readonly ref: Ref<'host'>
    readonly name: string
    readonly address: string
    /** For example `2.21`. */
    readonly apiVersion: { readonly major: number; readonly minor: number }
    /** For example `XCP-ng`, `8.3.0`. Empty when the host does not say. */
    readonly productBrand: string
    readonly productVersion: string
  }
}

type Ask = (method: string, resultType: string) => Promise<unknown>

/** Reads the pool's summary, the addresses of its members, and the certificates it vouches for. */
export async function describePool(ask: Ask, login: Login) {
  // The result types asked for are those of the data model.
  const pools = (await ask('pool.get_all_records', 'map(ref:pool,record:pool)')) as ReadonlyMap<
    Ref<'pool'>,
    Records['pool']
  >
  const hosts = (await ask('host.get_all_records', 'map(ref:host,record:host)')) as ReadonlyMap<
    Ref<'host'>,
    Records['host']
  >
  const addresses = [...hosts.values()].map(({ address }) => address).filter((address) => address !== '')
  const fingerprints = login.endpoint.protocol === 'https:' ? await hostFingerprints(ask) : []
  return { summary: summaryOf(pools, hosts), addresses, fingerprints }
}

function summaryOf(
  pools: ReadonlyMap<Ref<'pool'>, Records['pool']>,
  hosts: ReadonlyMap<Ref<'host'>, Records['host']>,
): PoolSummary | undefined {
  const [[ref, pool] = []] = pools
  const host = pool?.master ? hosts.get(pool.master) : undefined
  if (!ref || !pool?.master || !host) return undefined
  return {
    ref,
    uuid: pool.uuid,
    name: pool.name_label,
    master: {
      ref: pool.master,
      name: host.name_label,
      address: host.address,
      apiVersion: { major: host.API_version_major, minor: host.API_version_minor },
      productBrand: host.software_version['product_brand'] ?? '',
      productVersion: host.software_version['product_version'] ?? '',
    },
  }
}

/** SHA-256 fingerprints of the members' certificates as the pool's database has them; none from hosts that keep no such records. */
async function hostFingerprints(ask: Ask): Promise<readonly string[]> {
  try {
    const records = (await ask(
      'Certificate.get_all_records',
      'map(ref:Certificate,record:Certificate)',
    )) as ReadonlyMap<string, Records['Certificate']>
    return [...records.values()]
      .filter(({ type }) => type === 'host')
      .map((record) => record.fingerprint_sha256 ?? record.fingerprint)
      .filter((text) => /^([0-9a-f]{2}:?){32}$/i.test(text))
  } catch (error) {
    if (isXapiError(error)) return []
    throw error
  }
}
