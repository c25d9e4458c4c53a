import {
  connectionErrors,
  connectionOfId,
  demand,
  demandPermission,
  parseId,
  type ActionInfo,
  type Connection,
  type EndpointSpec,
  type InventoryObjects,
  type Operation,
  type Permission,
  type ResourceId,
  type ResourceType,
} from '@nixen/api'
import type { ActionTask, ActionResult, ProviderSession } from '@nixen/providers'
import type { Principal } from '../auth/principal.ts'
import type { Connections } from '../connections/connections.ts'
import { demandVisible } from '../inventory/visible.ts'
import type { Inventory } from '../inventory/inventory.ts'
import type { TaskRequest, Work } from '../tasks/tasks.ts'

export interface ActionPorts {
  readonly inventory: Inventory
  readonly connections: Connections
}

/** An action of the contract that somebody asks for. */
export interface Wanted {
  readonly operation: Operation
  readonly info: ActionInfo
  /** Parameters and input together, parsed by the endpoint. */
  readonly request: Readonly<Record<string, unknown>>
  readonly who: Principal
}

/** An action that may be done now. */
export interface Prepared {
  readonly on: { readonly id: ResourceId; readonly name: string }
  readonly task: TaskRequest
  readonly work: Work
}

/**
 * Checks that somebody may do something with an object, and that it makes sense now; gives the task that does it.
 *
 * @throws TYPE.not_found, auth.forbidden, request.not_allowed, connection.read_only, connection.not_connected
 */
export function prepareAction({ inventory, connections }: ActionPorts, wanted: Wanted): Prepared {
  const { operation, info, request, who } = wanted
  const { endpoint, group, name } = operation
  // The endpoint's own schema made sure that it is an id of the type.
  const id = request[info.from] as ResourceId
  const object = demandVisible(inventory, { type: info.type, id, who })
  demandPermission(who.access, permissionOf(endpoint), object)
  demandOthers(inventory, wanted)
  const connection = inventory.get('connection', connectionOfId(id))
  demandPossible(connection, info, object)
  const session = connections.session(connectionOfId(id))
  const run = actionOf(session, group, name)
  return {
    on: { id, name: object.name },
    task: { name: info.title.replace('NAME', object.name), action: operation.operation, on: [id], by: who.user.id },
    work: async (task) => await run(request, task),
  }
}

function permissionOf({ permission }: EndpointSpec): Permission {
  if (permission === 'public' || permission === 'session' || permission === 'any') {
    throw new TypeError('An action needs a permission.')
  }
  return permission
}

/** Every object that the input names must be visible, and reached by the permission that the action says. */
function demandOthers(inventory: Inventory, { info, request, who }: Wanted): void {
  for (const [field, value] of Object.entries(request)) {
    if (field === info.from) continue
    for (const { id, type } of idsIn(value)) {
      const object = demandVisible(inventory, { type, id, who })
      const permission = info.needs?.[field]
      if (permission !== undefined && permission.startsWith(`${type}:`))
        demandPermission(who.access, permission, object)
    }
  }
  // What a permission is about other than the object that is named (a disk that is made on a storage) is asked for as such.
  for (const [field, permission] of Object.entries(info.needs ?? {})) {
    if (request[field] !== undefined) demandPermission(who.access, permission)
  }
}

/** Ids of objects anywhere in a value. Text for people is no id: it would have to have the form of one. */
function* idsIn(value: unknown): Generator<{ readonly id: ResourceId; readonly type: ResourceType }> {
  if (typeof value === 'string') {
    const parts = parseId(value)
    // Just parsed.
    if (parts) yield { id: value as ResourceId, type: parts.type }
  } else if (Array.isArray(value)) {
    for (const item of value) yield* idsIn(item)
  } else if (typeof value === 'object' && value !== null) {
    yield* idsIn(Object.values(value))
  }
}

function demandPossible(
  connection: Connection | undefined,
  { can }: ActionInfo,
  object: InventoryObjects[ResourceType],
): void {
  if (connection?.readOnly === true) throw connectionErrors.read_only({ name: connection.name })
  if (!can) return
  demand(can, object, { readOnly: false, unsupported: connection?.unsupported })
}

type AnyAction = (request: unknown, task: ActionTask) => Promise<ActionResult | undefined | void>

function actionOf(session: ProviderSession, group: string, name: string): AnyAction {
  const groups: Readonly<Record<string, object>> = session.actions
  const found = Object.entries(groups[group] ?? {}).find(([key]) => key === name)
  if (!found) throw new TypeError(`${group}.${name} is not in the provider.`)
  // `ProviderActions` has one of these for each action; the request was parsed by the endpoint that its types come from.
  return found[1] as AnyAction
}
