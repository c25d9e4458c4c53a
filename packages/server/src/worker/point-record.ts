/** How whole the disks of a restore point are together; see `consistencies` of the contract. */
export type Consistency = 'crash' | 'quiesced' | 'memory' | 'offline'

/** What Nixen knows of the VM of a restore point beside its name: kept in tags of the snapshot, so that a list needs no other file. */
export interface PointFacts {
  readonly uuid?: string | undefined
  readonly lineage?: string | undefined
  readonly pool?: string | undefined
  readonly ips?: readonly string[] | undefined
  readonly os?: string | undefined
  /** Bytes of all disks. */
  readonly size?: number | undefined
  readonly disks?: number | undefined
  readonly job?: string | undefined
  readonly consistency?: Consistency | undefined
}

/** A restore point as a worker reads it from a repository. */
export interface PointRecord {
  /** Restic's id of the snapshot. */
  readonly snapshot: string
  /** Epoch milliseconds. */
  readonly time: number
  readonly name: string
  readonly path: string
  /** Tags of people. */
  readonly tags: readonly string[]
  readonly facts: PointFacts
  readonly parent?: string | undefined
  readonly program?: string | undefined
}

/** Our tags are told from those of people by this. */
const prefix = 'nixen:'
const words = new Set<string>(['crash', 'quiesced', 'memory', 'offline'])

/** The tag that says which job made a restore point. */
export function writeJobTag(job: string): string {
  return `${prefix}job=${job.replaceAll(',', ';')}`
}

/** The tags of a snapshot: those of people, and ours as `nixen:key=value`. */
export function writeTags(tags: readonly string[], facts: PointFacts): string[] {
  const own: string[] = []
  const add = (key: string, value: string | number | undefined): void => {
    // restic's command line cuts lists of tags at commas.
    if (value !== undefined && value !== '') own.push(`${prefix}${key}=${String(value).replaceAll(',', ';')}`)
  }
  add('uuid', facts.uuid)
  add('lineage', facts.lineage)
  add('pool', facts.pool)
  for (const ip of facts.ips ?? []) add('ip', ip)
  add('os', facts.os)
  add('size', facts.size)
  add('disks', facts.disks)
  add('job', facts.job)
  add('consistency', facts.consistency)
  return [...tags.filter((tag) => tag !== '' && !tag.startsWith(prefix)), ...own]
}

/** Takes the tags of a snapshot apart. Whatever is not as we write it counts for nothing. */
export function readTags(all: readonly string[]): { readonly tags: string[]; readonly facts: PointFacts } {
  const tags: string[] = []
  const ips: string[] = []
  const found = new Map<string, string>()
  for (const tag of all) {
    const equals = tag.indexOf('=')
    if (!tag.startsWith(prefix) || equals < 0) {
      tags.push(tag)
      continue
    }
    const [key, value] = [tag.slice(prefix.length, equals), tag.slice(equals + 1)]
    if (key === 'ip') ips.push(value)
    else found.set(key, value)
  }
  const text = (key: string): Record<string, string> => {
    const value = found.get(key)
    return value === undefined ? {} : { [key]: value }
  }
  const number = (key: string): Record<string, number> => {
    const value = Number(found.get(key))
    return found.has(key) && Number.isSafeInteger(value) && value >= 0 ? { [key]: value } : {}
  }
  const consistency = found.get('consistency')
  return {
    tags: tags.toSorted(),
    facts: {
      ...text('uuid'),
      ...text('lineage'),
      ...text('pool'),
      ...(ips.length > 0 ? { ips } : {}),
      ...text('os'),
      ...number('size'),
      ...number('disks'),
      ...text('job'),
      // One of the words.
      ...(consistency !== undefined && words.has(consistency) ? { consistency: consistency as Consistency } : {}),
    },
  }
}
