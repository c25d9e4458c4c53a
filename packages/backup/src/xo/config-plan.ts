import { isRecord } from '@nixen/core'
import { recordOf, textOf } from './scan.ts'
import type { XoStore } from './xo-store.ts'

/** Something of Xen Orchestra's configuration, and what it would be here. */
export interface ConfigStep {
  readonly kind: 'repository' | 'job' | 'user'
  readonly name: string
  /** What the endpoint that makes it takes; secrets are left out and have to be given. */
  readonly becomes: Readonly<Record<string, unknown>>
  /** What to look at before it is made: what has no counterpart, what is missing. */
  readonly notes: readonly string[]
}

export interface ConfigPlan {
  /** Where it was read. */
  readonly file: string
  readonly steps: readonly ConfigStep[]
  /** What is not taken over at all. */
  readonly notes: readonly string[]
}

type Fields = Readonly<Record<string, unknown>>

/** The newest configuration that a repository of Xen Orchestra holds; `undefined` when it holds none. */
export async function findConfig(
  store: XoStore,
): Promise<{ readonly file: string; readonly config: unknown } | undefined> {
  const found: { file: string; time: string }[] = []
  for (const schedule of await store.list('xo-config-backups')) {
    for (const time of await store.list(`xo-config-backups/${schedule}`)) {
      found.push({ file: `xo-config-backups/${schedule}/${time}/data.json`, time })
    }
  }
  for (const { file } of found.toSorted((a, b) => (a.time < b.time ? 1 : -1))) {
    if (await store.exists(file)) return { file, config: await store.json(file) }
  }
  return undefined
}

/**
 * What jobs, schedules, remotes and users of an exported configuration would be here, to be looked at. Reads whatever lists of these it finds; what is not
 * understood is named, never guessed.
 */
export function planConfig(file: string, config: unknown): ConfigPlan {
  const lists = listsOf(config)
  const remotes = lists.get('remotes') ?? []
  const schedules = lists.get('schedules') ?? []
  const steps = [
    ...remotes.map(remoteStep),
    ...(lists.get('jobs') ?? []).map((job) => jobStep(job, { schedules, remotes })),
    ...(lists.get('users') ?? []).map(userStep),
  ]
  const known = new Set(['remotes', 'schedules', 'jobs', 'users'])
  const others = [...lists].filter(([name, items]) => !known.has(name) && items.length > 0)
  const notes = others.map(([name, items]) => `${items.length} of "${name}" are not taken over.`)
  if (lists.size === 0)
    notes.push('It holds no lists that are known. It may be encrypted: export it without a passphrase.')
  return { file, steps, notes }
}

/** Lists by name, at the top or one level below, as arrays or as objects by id. */
function listsOf(config: unknown): Map<string, Fields[]> {
  const lists = new Map<string, Fields[]>()
  const add = (name: string, value: unknown): void => {
    const items = Array.isArray(value) ? value : []
    if (items.length > 0 && items.every(isRecord)) lists.set(name, items)
  }
  for (const [name, value] of Object.entries(recordOf(config))) {
    add(name, value)
    if (isRecord(value)) for (const [inner, list] of Object.entries(value)) add(inner, list)
  }
  return lists
}

function remoteStep(remote: Fields): ConfigStep {
  const name = textOf(remote['name']) || 'remote'
  const url = textOf(remote['url'])
  const notes = [
    'A repository of Nixen is a folder of its own: choose an empty one, then convert the backups into it with "nixen import xo".',
  ]
  const local = /^file:\/\/(\/.*?)(\?|$)/.exec(url)?.[1]
  if (local === undefined)
    notes.push(`It was ${kindOf(url)}: mount it, or give the address of a bucket (s3://…), with its credentials.`)
  return { kind: 'repository', name, becomes: { name, location: local === undefined ? '' : `${local}/nixen` }, notes }
}

/** What kind of remote; the rest of the address may hold a password. */
function kindOf(url: string): string {
  return /^([a-z0-9+]+):/.exec(url)?.[1] ?? 'of an unknown kind'
}

function jobStep(
  job: Fields,
  { schedules, remotes }: { schedules: readonly Fields[]; remotes: readonly Fields[] },
): ConfigStep {
  const name = textOf(job['name']) || 'job'
  const type = textOf(job['type'])
  const notes: string[] = []
  const settings = recordOf(job['settings'])
  const all = recordOf(settings[''])
  const own = schedules.filter((one) => one['jobId'] === job['id'])
  if (type !== 'backup') {
    notes.push(`Jobs of the kind "${type || 'unknown'}" are not taken over; make one by hand.`)
    return { kind: 'job', name, becomes: {}, notes }
  }
  const wanted = idsOf(job['remotes'])
  const names = wanted.map((id) => textOf(remotes.find((one) => one['id'] === id)?.['name']) || id)
  if (wanted.length === 0) notes.push('It had no remote: it made snapshots or replicas only.')
  if (idsOf(job['srs']).length > 0) notes.push('It also replicated to storages: make a replication of it.')
  if (job['mode'] === 'full')
    notes.push('It made full exports; here each backup holds everything and only what is new is stored.')
  if (Number(all['fullInterval'] ?? 0) > 0) notes.push('A full backup now and then is not needed: there are no chains.')
  const becomes = {
    name,
    enabled: own.some((one) => one['enabled'] === true),
    work: {
      kind: 'backup',
      repositories: names,
      mode: all['checkpointSnapshot'] === true ? 'memory' : all['offlineSnapshot'] === true ? 'halted' : 'crash',
    },
    selection: selectionOf(job['vms'], notes),
    schedules: own.map((one, index) => scheduleOf(one, { settings, index, notes })),
    limits: {
      atOnce: Math.max(1, Number(all['concurrency'] ?? 2) || 256),
      retries: Number(all['nRetriesVmBackupFailures'] ?? 0),
    },
    report: all['reportWhen'] === 'always' ? 'always' : all['reportWhen'] === 'never' ? 'never' : 'failure',
  }
  return { kind: 'job', name, becomes, notes }
}

/** `{ id }` or `{ id: { __or: [ids] } }` (value-matcher). */
function idsOf(value: unknown): string[] {
  const id = recordOf(value)['id']
  if (typeof id === 'string') return [id]
  const ids = recordOf(id)['__or']
  return Array.isArray(ids) ? ids.filter((one): one is string => typeof one === 'string') : []
}

function selectionOf(vms: unknown, notes: string[]): Fields {
  const ids = idsOf(vms)
  // Names of VMs are those of the hypervisor in both.
  if (ids.length > 0) return { q: ids.join(' or ') }
  const pattern = recordOf(vms)
  const parts: string[] = []
  const power = textOf(pattern['power_state'])
  if (power !== '') parts.push(`power:${power.toLowerCase()}`)
  const { include, exclude, understood } = tagsOf(pattern['tags'])
  if (include.length > 0) parts.push(`(${include.map((tag) => `tag:"${tag}"`).join(' or ')})`)
  const rest = Object.keys(pattern).filter((key) => !['type', 'power_state', 'tags'].includes(key))
  if (rest.length > 0 || !understood)
    notes.push(`Its choice of VMs is not understood in full: ${JSON.stringify(vms)}. Check the query.`)
  return { ...(parts.length > 0 && { q: parts.join(' ') }), excludeTags: exclude }
}

/** Tags that one of must be there, and that none of may: `{ __or: [["a"]] }`, `{ __not: { __or: [["b"]] } }`, or both in `__and`. */
function tagsOf(value: unknown): { include: string[]; exclude: string[]; understood: boolean } {
  if (value === undefined) return { include: [], exclude: [], understood: true }
  const include: string[] = []
  const exclude: string[] = []
  let understood = true
  const take = (pattern: unknown): void => {
    const fields = recordOf(pattern)
    const or = fields['__or']
    const not = recordOf(fields['__not'])['__or']
    if (Array.isArray(or)) include.push(...or.flat().filter((one): one is string => typeof one === 'string'))
    else if (Array.isArray(not)) exclude.push(...not.flat().filter((one): one is string => typeof one === 'string'))
    else understood = false
  }
  const and = recordOf(value)['__and']
  if (Array.isArray(and)) for (const one of and) take(one)
  else take(value)
  return { include, exclude, understood }
}

function scheduleOf(
  schedule: Fields,
  { settings, index, notes }: { settings: Fields; index: number; notes: string[] },
): Fields {
  const own = recordOf(settings[textOf(schedule['id'])])
  const keep: Record<string, number> = {}
  const last = Number(own['exportRetention'] ?? 0)
  if (last > 0) keep['last'] = last
  const long = recordOf(own['longTermRetention'])
  for (const period of ['daily', 'weekly', 'monthly', 'yearly']) {
    const count = Number(recordOf(long[period])['retention'] ?? 0)
    if (count > 0) keep[period] = count
  }
  if (own['healthCheckSr'] !== undefined) notes.push('It restored backups to try them: make a verification of it.')
  const name = textOf(schedule['name'])
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, 32)
  const zone = textOf(schedule['timezone'])
  return {
    name: name || `schedule-${index + 1}`,
    cron: textOf(schedule['cron']),
    ...(zone !== '' && { timeZone: zone }),
    enabled: schedule['enabled'] === true,
    ...(Object.keys(keep).length > 0 && { keep }),
  }
}

function userStep(user: Fields): ConfigStep {
  const name = textOf(user['email']) || textOf(user['name']) || 'user'
  const isAdmin = user['permission'] === 'admin'
  const notes = ['Passwords are not taken over: a new one is set, or they log in through your directory.']
  return { kind: 'user', name, becomes: { name, ...(isAdmin && { admin: true }) }, notes }
}
