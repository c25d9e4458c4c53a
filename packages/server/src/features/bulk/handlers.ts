import {
  actions,
  allEndpoints,
  bulkErrors,
  closest,
  listObjects,
  parseRequest,
  type ActionInfo,
  type BulkItem,
  type Operation,
  type ResourceId,
  type Task,
} from '@nixen/api'
import { isAppError, type AppError, type Clock } from '@nixen/core'
import type { ActionHandlerPorts } from '../../actions/handlers.ts'
import { prepareAction, type Prepared } from '../../actions/prepare.ts'
import { runTogether } from '../../actions/run-together.ts'
import type { Principal } from '../../auth/principal.ts'
import type { GroupHandlers } from '../../http/handler.ts'

export interface BulkPorts extends ActionHandlerPorts {
  readonly clock: Clock
}

interface Asked {
  readonly operation: Operation
  readonly info: ActionInfo
  readonly input: Readonly<Record<string, unknown>>
  readonly who: Principal
}

/** Actions on many objects. */
export function bulkHandlers(ports: BulkPorts): GroupHandlers<'bulk'> {
  return {
    async run({ input: { action, ids, q, input, dryRun }, who, info }) {
      if ((ids === undefined) === (q === undefined)) throw bulkErrors.ids_or_query()
      const asked: Asked = { ...actionNamed(action), input, who }
      // An empty query finds everything: often a variable that was not set. Whoever means it says name:*.
      if (q?.trim() === '') throw bulkErrors.ids_or_query()
      const chosen = ids ?? find(ports, asked, q ?? '')
      const prepared: Prepared[] = []
      const items = chosen.map((id) => judge(ports, { asked, id, prepared }))
      info.note({ onName: `${prepared.length} objects` })
      const counts = { allowed: prepared.length, refused: items.length - prepared.length }
      if (dryRun || prepared.length === 0) return { items, ...counts }
      const request = { name: nameOf(asked, prepared.length), action, on: [], by: who.user.id }
      const { parent, children } = await runTogether(ports.tasks, request, prepared)
      const byId = new Map(prepared.map(({ on }, index) => [on.id, children[index]?.id]))
      info.setStatus(202)
      return { task: parent.id, items: items.map((item) => withTask(item, byId)), ...counts }
    },
  }
}

/** "Start a VM (200)" */
function nameOf({ operation }: Asked, count: number): string {
  return `${operation.endpoint.summary} (${count})`
}

function withTask(item: BulkItem, byId: ReadonlyMap<ResourceId, Task['id'] | undefined>): BulkItem {
  const task = item.refused ? undefined : byId.get(item.id)
  return task === undefined ? item : { ...item, task }
}

function actionNamed(name: string): Pick<Asked, 'operation' | 'info'> {
  const operation = allEndpoints.find((one) => one.operation === name)
  const info = operation?.endpoint.action
  // What makes something has no objects to be done with.
  if (operation && info && operation.endpoint.params) return { operation, info }
  const names = Object.entries(actions).flatMap(([group, list]) => Object.keys(list).map((key) => `${group}.${key}`))
  throw bulkErrors.no_such_action({ action: name, suggestion: closest(name, names) })
}

/** Ids of the objects that the query finds and that may be seen. */
function find({ inventory, clock }: BulkPorts, { info, who }: Asked, q: string): readonly ResourceId[] {
  const reach = who.access.reach(`${info.type}:read`)
  if (reach === 'none') return []
  const visible = typeof reach === 'function' ? { visible: reach } : {}
  const context = { now: clock.now(), nameOf: (id: string) => inventory.nameOf(id), ...visible }
  return listObjects(info.type, inventory.all(info.type), { q, limit: 10_000, ...context }).items.map(({ id }) => id)
}

interface Candidate {
  readonly asked: Asked
  readonly id: ResourceId
  /** Those that are allowed are added. */
  readonly prepared: Prepared[]
}

function judge(ports: BulkPorts, { asked, id, prepared }: Candidate): BulkItem {
  const name = ports.inventory.nameOf(id) ?? id
  try {
    const { params, input } = parseRequest(asked.operation.endpoint, { params: { id }, ...bodyOf(asked) })
    // Parsed by the endpoint: objects.
    const request = { ...(params as object), ...(input as object) }
    prepared.push(prepareAction(ports, { ...asked, request }))
    return { id, name }
  } catch (error) {
    // What is wrong with the input is wrong for all.
    if (!isAppError(error) || error.code === 'request.invalid') throw error
    return { id, name: error.code.endsWith('.not_found') ? id : name, refused: refusalOf(error) }
  }
}

function bodyOf({ operation, input }: Asked) {
  if (operation.endpoint.method !== 'DELETE') return { body: input }
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(input)) {
    for (const item of Array.isArray(value) ? value : [value]) query.append(name, String(item))
  }
  return { query }
}

function refusalOf({ code, message }: AppError) {
  return { code, message }
}
