import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectionOfId, jobErrors, parseId, type JobWork, type RepositoryId } from '@nixen/api'
import { collectBytes, MiB } from '@nixen/core'
import { tarEnd, tarHeader, tarPadding } from '@nixen/disk'
import type { ActionTask } from '@nixen/providers'
import type { ItemResult, JobKind, RunContext } from '../jobs/job-kind.ts'
import type { StateBackup } from '../state/backup.ts'
import { jobTag, type BackupPorts } from './backup.ts'
import { forgetOld } from './forget-old.ts'

export interface MetadataPorts extends BackupPorts {
  /** Copies Nixen's own state to a new directory. @throws server.backup_elsewhere, … */
  readonly backupState: (to: string) => Promise<StateBackup>
}

type MetadataWork = Extract<JobWork, { kind: 'metadata' }>

/** Databases of pools are a few MB; beyond this something else came. */
const longestDump = 512 * MiB

/** Jobs that store the databases of pools and Nixen's own state, as files of restore points. */
export function metadataKind(ports: MetadataPorts): JobKind<'metadata'> {
  const { repositories, inventory } = ports
  // Found by its kind, so that its work is of that kind.
  const workOf = ({ job }: Pick<RunContext, 'job'>): MetadataWork => job.work as MetadataWork
  return {
    kind: 'metadata',
    typeOf: () => 'pool',
    check({ repositories: ids, pools, own }) {
      for (const id of ids) repositories.get(id)
      if (!pools && !own) throw jobErrors.unsupported({ kind: 'metadata', reason: 'it would store nothing.' })
    },
    describe({ repositories: ids, pools, own }) {
      const what = [...(pools ? ['the databases of pools'] : []), ...(own ? ["Nixen's own state"] : [])].join(' and ')
      return `Backs up ${what} to ${ids.map((id) => repositories.nameOf(id) ?? id).join(' and ')}`
    },
    refuse(context, { id }) {
      if (!inventory.get('pool', id)) return 'The pool is gone.'
      return workOf(context).pools ? undefined : 'The job stores no databases of pools.'
    },
    async work(context, { id, name }, task) {
      const { protect } = ports.connections.session(connectionOfId(id))
      task.progress(undefined, 'Reading the database of the pool')
      const content = await collectBytes(protect.poolMetadata({ signal: task.signal }), { limit: longestDump })
      const uuid = parseId(id)?.key ?? id
      const point = {
        name,
        path: `/pool-${uuid}`,
        facts: { uuid, pool: name },
        about: { kind: 'pool', pool: id, name },
        file: { name: 'pool-database.xml', content },
      }
      return await storeIn(ports, { context, into: workOf(context).repositories, point }, task)
    },
    async finish(context, task) {
      const { own, repositories: into } = workOf(context)
      if (own) {
        task.progress(undefined, "Copying Nixen's own state")
        const content = await ownState(ports.backupState)
        const file = { name: 'nixen-state.tar', content }
        const point = { name: 'nixen', path: '/nixen-state', facts: {}, about: { kind: 'nixen-state' }, file }
        await storeIn(ports, { context, into, point }, task)
      }
      await forgetOld(repositories, { context, from: into }, task)
    },
  }
}

interface MetadataPoint {
  readonly name: string
  readonly path: string
  readonly facts: { readonly uuid?: string; readonly pool?: string }
  /** What it is, for programs. */
  readonly about: object
  readonly file: { readonly name: string; readonly content: Uint8Array }
}

interface Storing {
  readonly context: RunContext
  readonly into: readonly RepositoryId[]
  readonly point: MetadataPoint
}

/** Stores one point in each repository; one that fails costs the others nothing, and the run says so. */
async function storeIn(
  { repositories, clock }: MetadataPorts,
  { context, into, point }: Storing,
  task: ActionTask,
): Promise<ItemResult> {
  const { name, path, facts, about, file } = point
  const input = {
    name,
    path,
    tags: [],
    time: clock.now(),
    facts: { ...facts, job: jobTag(context) },
    vm: { format: 'nixen.metadata/1', ...about },
    disks: [],
    files: [file],
  }
  const results = await Promise.allSettled(
    into.map(async (id) => await repositories.run('backup', id, input, { signal: task.signal })),
  )
  const failed = results.find((result) => result.status === 'rejected')
  if (failed) throw failed.reason
  const written = results.reduce(
    (sum, result) => sum + (result.status === 'fulfilled' ? result.value.storedBytes : 0),
    0,
  )
  task.log(`${name}: ${file.content.length} bytes of ${file.name} are stored.`)
  return { read: file.content.length, written }
}

/** A tar archive of what `nixen state restore` takes. Holds all secrets, and is encrypted as everything in a repository is. */
async function ownState(backupState: MetadataPorts['backupState']): Promise<Uint8Array> {
  const folder = await mkdtemp(join(tmpdir(), 'nixen-state-'))
  try {
    const target = join(folder, 'nixen-state')
    const manifest = await backupState(target)
    const parts: Uint8Array[] = []
    for (const name of [...Object.keys(manifest.files), 'nixen-state.json']) {
      const content = await readFile(join(target, name))
      parts.push(tarHeader({ name: `nixen-state/${name}`, size: content.length }), content, tarPadding(content.length))
    }
    return Buffer.concat([...parts, tarEnd])
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
