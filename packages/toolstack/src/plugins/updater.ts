import { isRecord } from '@nixen/core'
import type { Call } from '../dispatch/call.ts'
import type { Ref } from '../generated/rows.ts'
import { packages, type Package } from './packages.ts'
import { pluginFailure, type Plugin } from './plugin.ts'

/** Key of the text that says which packages of a host are up to date. */
const installedKey = (uuid: string): string => `updates/${uuid}`
const proxiesKey = (uuid: string): string => `proxies/${uuid}`

const architecture = 'x86_64'
const sections = ['xcp-ng-base', 'xcp-ng-updates', 'xcp-ng-testing', 'xcp-ng-candidates', 'xcp-ng-linstor']

/** Names of the packages that were brought up to date on a host. */
function updatedOn({ db }: Call, host: Ref<'host'>): ReadonlySet<string> {
  const text = db.note(installedKey(db.get('host', host).uuid)) ?? ''
  return new Set(text === '' ? [] : text.split(','))
}

function pendingOn(call: Call, host: Ref<'host'>): Package[] {
  const updated = updatedOn(call, host)
  return packages.filter(({ name, before, release }) => before !== release && !updated.has(name))
}

function listOf(text: string | undefined): string[] {
  return (text ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
}

/** Brings packages up to date: those named, or all of them. */
function install(call: Call, host: Ref<'host'>, names: readonly string[]): void {
  for (const name of names) {
    if (!packages.some((known) => known.name === name)) throw pluginFailure(`No package ${name} available.`)
  }
  const chosen = pendingOn(call, host).filter(({ name }) => names.length === 0 || names.includes(name))
  const { uuid } = call.db.get('host', host)
  const updated = [...updatedOn(call, host), ...chosen.map(({ name }) => name)]
  call.db.setNote(installedKey(uuid), updated.join(','))
  if (chosen.length > 0) call.db.update(host, { last_software_update: call.pool.clock.now() })
}

function entry({ name, version, release, size, license, description, changes }: Package): object {
  return {
    name,
    version,
    release,
    description,
    changelog: changes === '' ? null : { author: 'Nixen', date: 1_780_272_000, description: changes },
    url: 'https://xcp-ng.org',
    size,
    license,
  }
}

/** The proxy of each section of the repository. */
function proxiesOf({ db }: Call, host: Ref<'host'>): object {
  const kept = parse(db.note(proxiesKey(db.get('host', host).uuid)) ?? '')
  return isRecord(kept) ? kept : Object.fromEntries(sections.map((section) => [section, '_none_']))
}

/** `updater.py` of XCP-ng: packages of a repository that is part of the toolstack. What is installed is kept with the host. */
export const updater: Plugin = {
  check_update: (call, host) => JSON.stringify(pendingOn(call, host).map(entry)),

  update(call, host, args) {
    install(call, host, listOf(args['packages']))
    return ''
  },

  install(call, host, args) {
    const names = listOf(args['packages'])
    if (names.length === 0) throw pluginFailure('Missing or empty argument `packages`')
    install(call, host, names)
    return ''
  },

  query_installed(call, host, args) {
    const updated = updatedOn(call, host)
    const versions = listOf(args['packages']).map((name) => {
      const found = packages.find((known) => known.name === name)
      if (!found) return [name, '']
      const release = updated.has(name) ? found.release : found.before
      return [name, `${name}-${found.version}-${release}.${architecture}`]
    })
    return JSON.stringify(Object.fromEntries(versions))
  },

  get_proxies: (call, host) => JSON.stringify(proxiesOf(call, host)),

  set_proxies(call, host, args) {
    const wanted = parse(args['proxies'] ?? '')
    const entries = isRecord(wanted) ? Object.entries(wanted) : []
    const unknown = entries.find(([section, proxy]) => !sections.includes(section) || typeof proxy !== 'string')
    if (!isRecord(wanted) || unknown)
      throw pluginFailure('The argument `proxies` is no JSON object of sections and proxies')
    const after = { ...proxiesOf(call, host), ...wanted }
    call.db.setNote(proxiesKey(call.db.get('host', host).uuid), JSON.stringify(after))
    return ''
  },
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    // Not JSON; the caller says so.
    return undefined
  }
}
