import type { Database } from '../db/database.ts'
import { isNull } from '../db/ref.ts'
import { fault } from '../errors.ts'
import type { Ref, Rows } from '../generated/rows.ts'
import { busy } from '../operations/conflicts.ts'
import { masterOf, poolRef } from '../pool/pool.ts'

/** Both sides of a join. */
interface Sides {
  /** The inventory of the host that joins. */
  readonly own: Database
  readonly me: Ref<'host'>
  /** The inventory of the pool. */
  readonly pool: Database
  readonly master: Ref<'host'>
}

/**
 * Refuses a join with the error a host gives, checks in its order. `force` skips only what it skips there: that software and processors are alike.
 * License, SDN controllers and rolling upgrades have no counterpart here.
 */
export function assertCanJoin(own: Database, pool: Database, { force }: { force: boolean }): void {
  const sides: Sides = { own, me: masterOf(own), pool, master: masterOf(pool) }
  managementPif(own, sides.me)
  for (const db of [own, pool]) if (db.get('pool', poolRef(db)).ha_enabled) throw fault('HA_IS_ENABLED')
  assertOther(sides)
  assertNoMembers(sides)
  assertMachinesIdle(own)
  assertCompatible(sides)
  if (!force) assertHomogeneous(sides)
  for (const { values } of own.rows('SR')) {
    if (values.shared && !values.is_tools_sr) throw fault('JOINING_HOST_CANNOT_CONTAIN_SHARED_SRS')
  }
  assertNetworks(sides)
  assertSameLogins(sides)
  assertVersions(sides)
  assertNetworkKinds(sides)
  assertCertificates(sides)
  for (const db of [own, pool]) assertNoUpdates(db)
  assertStorageIdle(own)
}

function managementPif(db: Database, host: Ref<'host'>): Readonly<Rows['PIF']> {
  for (const ref of db.get('host', host).PIFs) if (db.get('PIF', ref).management) return db.get('PIF', ref)
  throw fault('HOST_STILL_BOOTING')
}

function assertOther({ own, me, pool, master }: Sides): void {
  if (own.get('host', me).uuid !== pool.get('host', master).uuid) return
  const why = own.count('host') > 1 ? 'Host is already part of a pool' : 'Host cannot become slave of itself'
  throw fault('OPERATION_NOT_ALLOWED', why)
}

function assertNoMembers({ own }: Sides): void {
  if (own.count('host') > 1) throw fault('JOINING_HOST_CANNOT_BE_MASTER_OF_OTHER_HOSTS')
}

function assertMachinesIdle(own: Database): void {
  const vms = [...own.rows('VM')].map(({ values }) => values)
  if (vms.some(({ is_control_domain, power_state }) => !is_control_domain && power_state === 'Running'))
    throw fault('JOINING_HOST_CANNOT_HAVE_RUNNING_VMS')
  if (vms.some(({ current_operations }) => Object.keys(current_operations).length > 0))
    throw fault('JOINING_HOST_CANNOT_HAVE_VMS_WITH_CURRENT_OPERATIONS')
}

type Versions = Readonly<Record<string, string>>

const brandOf = (versions: Versions): string | undefined => versions['product_brand'] ?? versions['platform_name']

function assertCompatible({ own, me, pool, master }: Sides): void {
  const [mine, theirs] = [own.get('host', me).software_version, pool.get('host', master).software_version]
  if (mine['platform_version'] !== theirs['platform_version'] || brandOf(mine) !== brandOf(theirs))
    throw fault('HOSTS_NOT_COMPATIBLE')
}

function assertHomogeneous({ own, me, pool, master }: Sides): void {
  const version = (versions: Versions): string =>
    JSON.stringify([versions['xapi'], brandOf(versions), versions['git_id'], 'xs:linux' in versions])
  const mine = own.get('host', me)
  if (version(mine.software_version) !== version(pool.get('host', master).software_version))
    throw fault('HOSTS_NOT_HOMOGENEOUS', 'Software version differs')
  if (mine.cpu_info['vendor'] !== pool.get('pool', poolRef(pool)).cpu_info['vendor'])
    throw fault('HOSTS_NOT_HOMOGENEOUS', 'CPUs differ')
}

function assertNetworks({ own, me, pool, master }: Sides): void {
  if (own.count('Bond') > 0) throw fault('POOL_JOINING_HOST_HAS_BONDS')
  if (own.count('tunnel') > 0) throw fault('POOL_JOINING_HOST_HAS_TUNNELS')
  if (own.count('network_sriov') > 0) throw fault('POOL_JOINING_HOST_HAS_NETWORK_SRIOVS')
  for (const { values } of own.rows('VLAN')) {
    if (!own.find('PIF', values.untagged_PIF)?.management) throw fault('POOL_JOINING_HOST_HAS_NON_MANAGEMENT_VLANS')
  }
  const [mine, theirs] = [managementPif(own, me).VLAN, managementPif(pool, master).VLAN]
  if (mine !== theirs) throw fault('POOL_JOINING_HOST_MANAGEMENT_VLAN_DOES_NOT_MATCH', String(mine), String(theirs))
}

function assertSameLogins({ own, me, pool, master }: Sides): void {
  const [mine, theirs] = [own.get('host', me), pool.get('host', master)]
  if (
    mine.external_auth_type !== theirs.external_auth_type ||
    mine.external_auth_service_name !== theirs.external_auth_service_name
  )
    throw fault('POOL_JOINING_EXTERNAL_AUTH_MISMATCH')
  const editions = [...pool.rows('host')].map(({ values }) => values.edition)
  if (editions.length > 0 && !editions.includes(mine.edition)) throw fault('LICENSE_HOST_POOL_MISMATCH')
  if (mine.software_version['network_backend'] !== theirs.software_version['network_backend'])
    throw fault('OPERATION_NOT_ALLOWED', 'Network backends differ')
}

function assertVersions({ own, me, pool, master }: Sides): void {
  const [mine, theirs] = [own.get('host', me), pool.get('host', master)]
  const api = ({ API_version_major, API_version_minor }: Readonly<Rows['host']>): string =>
    `${API_version_major}.${API_version_minor}`
  if (api(mine) !== api(theirs)) throw fault('POOL_JOINING_HOST_MUST_HAVE_SAME_API_VERSION', api(mine), api(theirs))
  const [ours, schema] = [mine.software_version['db_schema'] ?? '', theirs.software_version['db_schema'] ?? '']
  if (ours !== schema) throw fault('POOL_JOINING_HOST_MUST_HAVE_SAME_DB_SCHEMA', ours, schema)
  const updates = (db: Database, host: Readonly<Rows['host']>): string[] =>
    [...host.updates].map((ref) => db.get('pool_update', ref).uuid).toSorted()
  const [local, remote] = [updates(own, mine), updates(pool, theirs)]
  if (local.join() !== remote.join()) {
    const reason = `Updates differ: on the pool ${remote.join(' ')} -- on the host ${local.join(' ')}`
    throw fault('HOSTS_NOT_HOMOGENEOUS', reason)
  }
}

function assertNetworkKinds({ own, me, pool, master }: Sides): void {
  if (managementPif(own, me).primary_address_type !== managementPif(pool, master).primary_address_type)
    throw fault('OPERATION_NOT_ALLOWED', 'Primary address type differs')
  const nbd = (db: Database): string | undefined =>
    [...db.rows('network')].flatMap(({ values }) => values.purpose).find((purpose) => purpose.endsWith('nbd'))
  const [mine, theirs] = [nbd(own), nbd(pool)]
  if (mine !== undefined && theirs !== undefined && mine !== theirs)
    throw fault('OPERATION_NOT_ALLOWED', 'Incompatible network purposes: nbd and insecure_nbd')
}

function assertCertificates({ own, pool }: Sides): void {
  const verified = (db: Database): boolean => db.get('pool', poolRef(db)).tls_verification_enabled
  if (verified(own) !== verified(pool)) throw fault('POOL_JOINING_HOST_TLS_VERIFICATION_MISMATCH')
  const trusted = (db: Database): Map<string, string> =>
    new Map(
      [...db.rows('Certificate')]
        .filter(({ values }) => values.type === 'ca')
        .map(({ values }) => [values.name, values.fingerprint_sha256]),
    )
  const theirs = trusted(pool)
  for (const [name, fingerprint] of trusted(own)) {
    if (theirs.has(name) && theirs.get(name) !== fingerprint) throw fault('POOL_JOINING_HOST_CA_CERTIFICATES_CONFLICT')
  }
}

function assertNoUpdates(db: Database): void {
  const operations: readonly string[] = Object.values(db.get('pool', poolRef(db)).current_operations)
  if (operations.includes('apply_updates')) throw fault('NOT_SUPPORTED_DURING_UPGRADE')
}

/** A host joins all the same, and finds its disks in use later; here their files move, so nobody may be at work on them. */
function assertStorageIdle(own: Database): void {
  for (const cls of ['SR', 'VDI'] as const) {
    for (const { ref, values } of own.rows(cls)) {
      const operations = Object.entries(values.current_operations)
      if (operations.length > 0) throw busy(cls, ref, operations)
    }
  }
  for (const { values } of own.rows('VBD')) {
    if (values.currently_attached && !isNull(values.VDI) && own.find('VDI', values.VDI))
      throw fault('VDI_IN_USE', values.VDI, 'unplug')
  }
}
