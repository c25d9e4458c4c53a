import { createHash } from 'node:crypto'
import { TiB } from '@nixen/core'
import { escapeXml, XapiError } from '@nixen/xapi'
import type { Database } from '../db/database.ts'
import type { Ref, Rows } from '../generated/rows.ts'

type Config = Readonly<Record<string, string>>

/** SR types on iSCSI, whose targets are found step by step. */
const iscsiTypes: ReadonlySet<string> = new Set(['lvmoiscsi', 'iscsi'])
/** The keys that say where an SR is, for types that are found as a whole. */
const placeKeys: Readonly<Record<string, readonly string[]>> = {
  nfs: ['server', 'serverpath'],
  smb: ['server'],
  ext: ['device'],
  lvm: ['device'],
  lvmohba: ['SCSIid'],
  file: ['location'],
}

/**
 * The SRs that a probe finds: those of the inventory that are in the same place, plugged or not, so that a detached SR can be introduced again.
 * Nothing else is behind simulated addresses.
 */
function srsAt(db: Database, type: string, config: Config): Ref<'SR'>[] {
  const keys = iscsiTypes.has(type) ? ['target', 'targetIQN', 'SCSIid'] : (placeKeys[type] ?? [])
  const found = new Set<Ref<'SR'>>()
  for (const { values } of db.rows('PBD')) {
    const sr = db.find('SR', values.SR)
    if (sr?.type !== type) continue
    const here: Config = {
      ...(iscsiTypes.has(type) ? targetOf(values.device_config['target'] ?? '') : {}),
      ...values.device_config,
    }
    if (keys.every((key) => config[key] !== undefined && here[key] === config[key])) found.add(values.SR)
  }
  return [...found]
}

/** What a driver tells, as XML: SRs that are there, or as the error's extra text what could be asked for next. */
export function probeXml(db: Database, type: string, config: Config): string {
  if (type === 'nfs') {
    const server = required(config, 'server', { number: 90, text: 'The request is missing the server parameter' })
    if (config['serverpath'] === undefined) {
      throw missing({ number: 101, text: 'The request is missing the serverpath parameter' }, exportsXml(db, server))
    }
  }
  if (iscsiTypes.has(type)) probeTarget(config)
  const srs = srsAt(db, type, config).map((sr) => {
    const { uuid } = db.get('SR', sr)
    return `\t<SR>\n\t\t<UUID>\n\t\t\t${uuid}\n\t\t</UUID>\n\t</SR>\n`
  })
  return `<?xml version="1.0" ?>\n<SRlist>\n${srs.join('')}</SRlist>\n`
}

/** The same as records. */
export function probeRecords(db: Database, type: string, config: Config): Rows['probe_result'][] {
  if (iscsiTypes.has(type)) {
    const target = targetOf(config['target'] ?? '')
    const next = ['targetIQN', 'SCSIid'].find((key) => config[key] === undefined)
    if (next !== undefined) {
      const configuration = { ...config, [next]: target[next] ?? '' }
      return [{ configuration, complete: next === 'SCSIid', sr: null, extra_info: {} }]
    }
  }
  if (type === 'nfs' && config['serverpath'] === undefined) {
    return exportsOf(db, config['server'] ?? '').map((serverpath) => {
      return { configuration: { ...config, serverpath }, complete: true, sr: null, extra_info: {} }
    })
  }
  return srsAt(db, type, config).map((ref) => ({
    configuration: config,
    complete: true,
    sr: statOf(db, ref),
    extra_info: {},
  }))
}

function statOf(db: Database, ref: Ref<'SR'>): Rows['sr_stat'] {
  const { uuid, name_label, name_description, physical_size, physical_utilisation, clustered } = db.get('SR', ref)
  const free_space = Math.max(0, physical_size - physical_utilisation)
  return { uuid, name_label, name_description, free_space, total_space: physical_size, clustered, health: 'healthy' }
}

/** Exports of an NFS server: those that SRs use, and one that is free. */
function exportsOf(db: Database, server: string): string[] {
  const used = [...db.rows('PBD')]
    .map(({ values }) => values.device_config)
    .filter((config) => config['server'] === server)
    .flatMap((config) => config['serverpath'] ?? [])
  return [...new Set([...used, '/export/free'])]
}

function exportsXml(db: Database, server: string): string {
  const exports = exportsOf(db, server).map(
    (path) =>
      `\t<Export>\n\t\t<Target>${escapeXml(server)}</Target>\n\t\t<Path>${escapeXml(path)}</Path>\n\t\t<Accesslist>*</Accesslist>\n\t</Export>\n`,
  )
  return `<?xml version="1.0" ?>\n<nfs-exports>\n${exports.join('')}</nfs-exports>\n`
}

/** What is behind an address of a simulated iSCSI target: always the same for the same address. */
function targetOf(target: string): Config {
  const digest = createHash('sha256').update(target).digest('hex')
  return { targetIQN: `iqn.2026-01.org.nixen:${digest.slice(0, 8)}`, SCSIid: `36001405${digest.slice(0, 25)}` }
}

/** An iSCSI probe asks for the target's names, then for its disks, and fails on the way with what it has found. */
function probeTarget(config: Config): void {
  const address = required(config, 'target', { number: 90, text: 'The request is missing the target parameter' })
  const { targetIQN = '', SCSIid = '' } = targetOf(address)
  const target = escapeXml(address)
  if (config['targetIQN'] === undefined) {
    const found = `\t<TGT>\n\t\t<Index>0</Index>\n\t\t<IPAddress>${target}</IPAddress>\n\t\t<TargetIQN>${targetIQN}</TargetIQN>\n\t</TGT>\n`
    const xml = `<?xml version="1.0" ?>\n<iscsi-target-iqns>\n${found}</iscsi-target-iqns>\n`
    throw missing({ number: 96, text: 'The request is missing or has an incorrect target IQN parameter' }, xml)
  }
  if (config['SCSIid'] === undefined) {
    const lun = `\t\t<vendor>NIXEN</vendor>\n\t\t<serial>${SCSIid.slice(8, 20)}</serial>\n\t\t<LUNid>0</LUNid>\n\t\t<size>${TiB}</size>\n\t\t<SCSIid>${SCSIid}</SCSIid>\n`
    const xml = `<?xml version="1.0" ?>\n<iscsi-target>\n\t<LUN>\n${lun}\t</LUN>\n</iscsi-target>\n`
    throw missing({ number: 107, text: 'The SCSIid parameter is missing or incorrect' }, xml)
  }
}

interface DriverError {
  readonly number: number
  readonly text: string
}

function required(config: Config, key: string, error: DriverError): string {
  const value = config[key]
  if (value === undefined || value === '') throw missing(error, '')
  return value
}

function missing({ number, text }: DriverError, xml: string): XapiError {
  return new XapiError(`SR_BACKEND_FAILURE_${number}`, ['', text, xml])
}
