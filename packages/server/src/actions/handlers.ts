import { actions, allEndpoints, type ActionGroup, type Actions, type Operation } from '@nixen/api'
import type { AnyHandler, Handler } from '../http/handler.ts'
import type { Db } from '../db/tables.ts'
import type { Tasks } from '../tasks/tasks.ts'
import { withSaved } from './saved-cloud-config.ts'
import { prepareAction, type ActionPorts } from './prepare.ts'

export interface ActionHandlerPorts extends ActionPorts {
  readonly tasks: Tasks
  /** Saved configurations, which a request may name instead of bringing its own. */
  readonly db: Db
}

/** A handler for each action of a group: one does for all, since what differs is in the contract and in the providers. */
export type ActionHandlers<G extends ActionGroup> = { readonly [N in keyof Actions[G]]: Handler<Actions[G][N]> }

/** The handlers of the actions of a group. */
export function actionHandlers<G extends ActionGroup>(group: G, ports: ActionHandlerPorts): ActionHandlers<G> {
  const names = new Set(Object.keys(actions[group]))
  const mine = allEndpoints.filter((operation) => operation.group === group && names.has(operation.name))
  // One handler for each name of the group.
  return Object.fromEntries(
    mine.map((operation) => [operation.name, handlerFor(operation, ports)]),
  ) as ActionHandlers<G>
}

function handlerFor(operation: Operation, ports: ActionHandlerPorts): AnyHandler {
  const { action: info } = operation.endpoint
  if (!info) throw new TypeError(`${operation.operation} is not an action.`)
  return async ({ params, input, who, info: request }) => {
    // An action has a permission, so that there is always somebody.
    if (!who) throw new TypeError('An action was asked for by nobody.')
    // Parsed by the endpoint: objects.
    const asked = { ...(params as object), ...(input as object) }
    const together = await withSaved(ports.db, asked, who)
    const { on, task, work } = prepareAction(ports, { operation, info, request: together, who })
    request.note({ on: on.id, onName: on.name })
    const { id } = await ports.tasks.run(task, work)
    request.setStatus(202)
    return { task: id }
  }
}
