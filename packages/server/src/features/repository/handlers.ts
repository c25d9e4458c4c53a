import {
  demandPermission,
  listObjects,
  repositoryErrors,
  requestErrors,
  type Repository,
  type RepositoryId,
  type TaskRef,
} from '@nixen/api'
import { parseReadDataSubset, type ReadData, type S3Credentials } from '@nixen/backup'
import { isAppError, type Clock } from '@nixen/core'
import type { Principal } from '../../auth/principal.ts'
import type { GroupHandlers, RequestInfo } from '../../http/handler.ts'
import type { Catalogue } from '../../repositories/catalogue.ts'
import { recoverySheet } from '../../repositories/recovery-sheet.ts'
import type { Repositories } from '../../repositories/repositories.ts'
import { runMaintenance, type MaintenanceRequest } from '../../repositories/run-maintenance.ts'
import { toTask } from '../../repositories/to-task.ts'
import type { Tasks } from '../../tasks/tasks.ts'
import type { ForgetLine } from '../../worker/operations/points.ts'
import { defaultMaintenance } from './default-maintenance.ts'

export interface RepositoryPorts {
  readonly repositories: Repositories
  readonly catalogue: Catalogue
  readonly tasks: Tasks
  readonly clock: Clock
}

/** A request about one repository. */
interface One {
  readonly params: { readonly id: RepositoryId }
  readonly who: Principal
  readonly info: RequestInfo
}

/** Repositories: what is known of them, and work in them. */
export function repositoryHandlers(ports: RepositoryPorts): GroupHandlers<'repository'> {
  return { ...readingHandlers(ports), ...keepingHandlers(ports), ...workingHandlers(ports), ...keyHandlers(ports) }
}

/** A repository that `who` may do this with; what one may not see is not there. @throws repository.not_found, auth.forbidden */
function demand(
  { repositories }: RepositoryPorts,
  { params: { id }, who, info }: One,
  permission: 'repository:read' | 'repository:update' | 'repository:delete' | 'repository:maintain' | 'point:forget',
): Repository {
  const found = repositories.get(id)
  const reach = who.access.reach('repository:read')
  if (reach === 'none' || (typeof reach === 'function' && !reach(found))) throw repositoryErrors.not_found({ id })
  // Whether points may be forgotten is asked of each point.
  if (permission !== 'point:forget') demandPermission(who.access, permission, found)
  info.note({ onName: found.name })
  return found
}

function readingHandlers(ports: RepositoryPorts) {
  const { repositories, catalogue, clock } = ports
  return {
    async list({ input, who }) {
      const reach = who.access.reach('repository:read')
      const visible = typeof reach === 'function' ? { visible: reach } : {}
      const context = { now: clock.now(), nameOf: (id: string) => repositories.nameOf(id), ...visible }
      return listObjects('repository', repositories.all(), { ...input, ...context })
    },
    get: async (request) => demand(ports, request, 'repository:read'),
    async stats(request) {
      const { id, usage } = demand(ports, request, 'repository:read')
      const newest = new Map<string, { readonly time: number; readonly name: string }>()
      for (const { path, time, name } of catalogue.of(id)) {
        if (time >= (newest.get(path)?.time ?? 0)) newest.set(path, { time, name })
      }
      const items = repositories
        .groups(id)
        .map((group) => Object.assign({ name: newest.get(group.path)?.name ?? '' }, group))
        .toSorted((a, b) => b.storedSize - a.storedSize)
      return { ...(usage ? { at: usage.at } : {}), items }
    },
    async prunePreview(request) {
      const { id } = demand(ports, request, 'repository:read')
      const { signal } = request.info
      const plan = await repositories.run('prune', id, { execute: false }, { signal, patience: 10_000 })
      const { freedBytes: freed, unusedBytes: unused, removedPacks: remove, repackedPacks: repack } = plan
      return { freed, unused, remove, repack }
    },
    async locks(request) {
      const { id } = demand(ports, request, 'repository:read')
      const { locks } = await repositories.run('locks', id, {}, { signal: request.info.signal })
      return { items: [...locks] }
    },
    async recoverySheet(request) {
      const { withPassword } = request.input
      const { id, name, location, uuid } = demand(
        ports,
        request,
        withPassword ? 'repository:update' : 'repository:maintain',
      )
      const { password, accessKeyId } = repositories.secrets(id)
      const facts = { name, location, uuid, accessKeyId, printed: clock.now() }
      return { text: recoverySheet({ ...facts, password: withPassword ? password : undefined }) }
    },
  } satisfies Partial<GroupHandlers<'repository'>>
}

function keepingHandlers(ports: RepositoryPorts) {
  const { repositories } = ports
  return {
    async create({ input, info }) {
      const { accessKeyId, secretAccessKey, maintenance = defaultMaintenance, ...target } = input
      const credentials = credentialsOf({ accessKeyId, secretAccessKey })
      const made = await repositories.create({ ...target, maintenance, credentials }, { signal: info.signal })
      info.note({ on: made.id, onName: made.name })
      return made
    },
    async test({ input: { accessKeyId, secretAccessKey, ...target }, info: { signal } }) {
      return await repositories.probe(
        { ...target, credentials: credentialsOf({ accessKeyId, secretAccessKey }) },
        { signal },
      )
    },
    async update(request) {
      const { id } = demand(ports, request, 'repository:update')
      const { accessKeyId, secretAccessKey, ...changes } = request.input
      const credentials = credentialsOf({ accessKeyId, secretAccessKey })
      return await repositories.update(id, { ...changes, credentials }, { signal: request.info.signal })
    },
    async remove(request) {
      const { id } = demand(ports, request, 'repository:delete')
      await repositories.remove(id)
      return undefined
    },
  } satisfies Partial<GroupHandlers<'repository'>>
}

function workingHandlers(ports: RepositoryPorts) {
  const { repositories, tasks } = ports
  const maintain = async ({ who }: One, repository: Repository, work: MaintenanceRequest): Promise<TaskRef> => {
    const task = await runMaintenance(ports, repository, { ...work, by: who.user.id })
    return { task: task.id }
  }
  return {
    async refresh(request) {
      const { id, name } = demand(ports, request, 'repository:maintain')
      const about = { name: `Look at ${name}`, action: 'repository.refresh', on: [], by: request.who.user.id }
      const task = await tasks.run(about, async (running) => {
        await repositories.refresh(id, toTask(running))
        await repositories.count(id, toTask(running))
      })
      return { task: task.id }
    },
    async benchmark(request) {
      const { id } = demand(ports, request, 'repository:maintain')
      return await repositories.run('benchmark', id, {}, { signal: request.info.signal })
    },
    async check(request) {
      const repository = demand(ports, request, 'repository:maintain')
      const read = readOf(request.input.read)
      return await maintain(request, repository, { work: 'check', read })
    },
    async prune(request) {
      const repository = demand(ports, request, 'repository:maintain')
      return await maintain(request, repository, { work: 'prune', maxUnused: request.input.maxUnused })
    },
    async forget(request) {
      const { id } = demand(ports, request, 'point:forget')
      const { keep: policy, paths, job, timeZone, execute } = request.input
      const may = request.who.access.reach('point:forget')
      const tags = job === undefined ? undefined : [`nixen:job=${job}`]
      const what = { by: 'policy', policy: defined(policy), paths, tags, timeZone } as const
      const { signal } = request.info
      const plan = await repositories.run('forget', id, { what, execute: false }, { signal })
      const lineOf = ({ point, because }: ForgetLine) => ({
        point: repositories.pointOf(id, point),
        because: [...because],
      })
      const reached = ({ point }: ReturnType<typeof lineOf>): boolean => may === 'all' || (may !== 'none' && may(point))
      const going = plan.forget.map(lineOf).filter(reached)
      // Exactly what was looked at here: not what came since.
      const snapshots = plan.forget.flatMap((line) => (reached(lineOf(line)) ? line.point.snapshot : []))
      const { forgotten } =
        execute && snapshots.length > 0
          ? await repositories.run('forget', id, { what: { by: 'name', snapshots }, execute }, { signal })
          : { forgotten: 0 }
      return { keep: plan.keep.map(lineOf), forget: going, forgotten }
    },
    async unlock(request) {
      const { id } = demand(ports, request, 'repository:maintain')
      const { all } = request.input
      const { removed } = await repositories.run('unlock', id, { all }, { signal: request.info.signal })
      return { items: [...removed] }
    },
  } satisfies Partial<GroupHandlers<'repository'>>
}

function keyHandlers(ports: RepositoryPorts) {
  const { repositories } = ports
  return {
    async keys(request) {
      const { id } = demand(ports, request, 'repository:read')
      const { keys, current } = await repositories.run('keys', id, {}, { signal: request.info.signal })
      return { items: keys.map((key) => Object.assign({ current: key.name === current }, key)) }
    },
    async addKey(request) {
      const { id } = demand(ports, request, 'repository:update')
      const { password } = request.input
      const { key } = await repositories.run('addKey', id, { password }, { signal: request.info.signal })
      return { name: key }
    },
    async removeKey(request) {
      const { id, name } = demand(ports, request, 'repository:update')
      const { signal } = request.info
      const { keys } = await repositories.run('keys', id, {}, { signal })
      const [found, ...others] = keys.filter((key) => key.name.startsWith(request.params.name))
      if (!found || others.length > 0) throw repositoryErrors.no_key({ key: request.params.name, name })
      await repositories.run('removeKey', id, { key: found.name }, { signal })
      return undefined
    },
    async setPassword(request) {
      const { id } = demand(ports, request, 'repository:update')
      // Once begun it is ended, also when the client goes away: half of it would be a key too many.
      return { name: await repositories.setPassword(id, request.input.password) }
    },
  } satisfies Partial<GroupHandlers<'repository'>>
}

function credentialsOf(given: {
  readonly accessKeyId?: string | undefined
  readonly secretAccessKey?: string | undefined
}): S3Credentials | undefined {
  const { accessKeyId, secretAccessKey } = given
  if (accessKeyId === undefined && secretAccessKey === undefined) return undefined
  if (accessKeyId !== undefined && secretAccessKey !== undefined) return { accessKeyId, secretAccessKey }
  const path = accessKeyId === undefined ? 'input.accessKeyId' : 'input.secretAccessKey'
  throw requestErrors.invalid({ problems: [{ path, message: 'Give both, the id and the secret of the access key.' }] })
}

function readOf(text: string | undefined): ReadData {
  if (text === undefined || text === 'none') return { kind: 'none' }
  if (text === 'all') return { kind: 'all' }
  try {
    return parseReadDataSubset(text)
  } catch (error) {
    if (!isAppError(error)) throw error
    throw requestErrors.invalid({ problems: [{ path: 'input.read', message: error.message }] }, { cause: error })
  }
}

function defined<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  // What is undefined was taken out.
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>
  }
}
