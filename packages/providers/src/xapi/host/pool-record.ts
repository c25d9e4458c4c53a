import type { Pool } from '@nixen/api'
import { isRecord } from '@nixen/core'
import { isYes, tagsOf } from '../model/fields.ts'
import type { RecordHandler } from '../model/handler.ts'
import { all, type Model } from '../model/model.ts'
import type { PoolRow } from '../model/rows.ts'

/** Key of the pool's `other_config` with how far a rolling run is: another run, also of another Nixen, goes on from there. */
export const rollingKey = 'nixen:rolling'

/** What a rolling run has written down; `undefined` when there is none, or somebody else wrote it. */
export function readRolling(text: string | undefined) {
  if (text === undefined) return undefined
  const state = parsed(text)
  if (!isRecord(state) || !Array.isArray(state['done'])) return undefined
  const { what, at } = state
  if (what !== 'reboot' && what !== 'update') return undefined
  const done = state['done'].filter((uuid): uuid is string => typeof uuid === 'string')
  if (!isRecord(at) || typeof at['host'] !== 'string') return { what, done } as const
  const started = typeof at['started'] === 'string' ? at['started'] : undefined
  return { what, done, at: { host: at['host'], started } } as const
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

/** `pool`: one record. */
export const poolHandler: RecordHandler<'pool'> = {
  put(model, ref, record) {
    const old = model.pools.get(ref)
    const row: PoolRow = {
      id: model.id('pool', record.uuid, ref),
      name: record.name_label,
      description: record.name_description,
      tags: tagsOf(record.tags),
      master: record.master,
      defaultStorage: record.default_SR,
      ha: record.ha_enabled,
      autoStart: isYes(record.other_config['auto_poweron']),
      updating: Object.values(record.current_operations).some((operation) => updates.has(operation)),
      rolling: rollingOf(record.other_config[rollingKey]),
      restrictions: Object.keys(record.restrictions)
        .filter((key) => isYes(record.restrictions[key]))
        .sort(),
      built: old?.built,
    }
    model.pools.set(ref, row)
    // Every object names its pool.
    if (old?.id !== row.id) model.markAll()
    if (old?.master !== row.master) model.markEach('host', [old?.master ?? '', row.master ?? ''])
    if (old?.defaultStorage !== row.defaultStorage)
      model.markEach('SR', [old?.defaultStorage ?? '', row.defaultStorage ?? ''])
    model.mark('pool', ref)
  },
  remove(model, ref) {
    const old = model.pools.get(ref)
    model.pools.delete(ref)
    if (old?.built) model.markGone(old.built.id)
    model.markAll()
  },
}

function rollingOf(text: string | undefined): PoolRow['rolling'] {
  const state = readRolling(text)
  return state && { what: state.what, done: state.done.length }
}

const updates: ReadonlySet<string> = new Set(['apply_updates', 'get_updates', 'sync_updates'])

export function buildPool(model: Model, row: PoolRow): Pool {
  const hosts = [...model.hosts.values()]
  const metrics = hosts.map((host) => (host.metrics ? model.hostMetrics.get(host.metrics) : undefined))
  const master = row.master ? model.hosts.get(row.master) : undefined
  const pool: Pool = {
    id: row.id,
    connection: model.connection,
    // A host on its own is a pool without a name.
    name: row.name || (master?.name ?? ''),
    tags: row.tags,
    kind: 'xapi',
    hosts: hosts.length,
    vms: model.vmCount.of(all),
    running: model.runningCount.of(all),
    cpus: total(hosts.map(({ cpu }) => cpu?.threads)),
    memory: total(metrics.map((row) => row?.total)),
    memoryUsed: total(metrics.map((row) => (row?.free === undefined ? 0 : row.total - row.free))),
    ha: row.ha,
    autoStart: row.autoStart,
    updating: row.updating,
  }
  if (row.description !== '') pool.description = row.description
  if (master) pool.master = master.id
  if (row.rolling) pool.rolling = { ...row.rolling, hosts: hosts.length }
  const versions = new Set(hosts.map(({ product }) => (product ? `${product.name} ${product.version}` : '')))
  const [version] = versions
  if (versions.size === 1 && version) pool.version = version
  const storage = row.defaultStorage ? model.srs.get(row.defaultStorage) : undefined
  if (storage) pool.defaultStorage = storage.id
  return pool
}

function total(values: readonly (number | undefined)[]): number {
  return values.reduce<number>((sum, value) => sum + (value ?? 0), 0)
}
