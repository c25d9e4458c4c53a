import {
  actions,
  allEndpoints,
  bulkErrors,
  closest,
  jobErrors,
  parseRequest,
  type JobWork,
  type Operation,
} from '@nixen/api'
import { isAppError } from '@nixen/core'
import { prepareAction, type ActionPorts } from '../actions/prepare.ts'
import type { Principal } from '../auth/principal.ts'
import { Gates } from './gates.ts'
import type { JobKind } from './job-kind.ts'
import { placeOnHost } from './on-host.ts'
import type { Selected } from './select.ts'

type ActionWork = Extract<JobWork, { kind: 'action' }>

/** Jobs that do an action of the contract with each object, as their owner. */
export function actionKind(ports: ActionPorts): JobKind<'action'> {
  const gates = new Gates()
  const prepare = (work: ActionWork, { id }: Selected, who: Principal) => {
    const { operation, info } = operationOf(work)
    const { endpoint } = operation
    const inQuery = endpoint.method === 'DELETE'
    const { params, input } = parseRequest(endpoint, {
      params: { id },
      ...(inQuery ? { query: queryOf(work.input) } : { body: work.input }),
    })
    // Parsed by the endpoint: objects.
    return prepareAction(ports, { operation, info, request: { ...(params as object), ...(input as object) }, who })
  }
  return {
    kind: 'action',
    typeOf: (work) => operationOf(work).info.type,
    check(work) {
      const { operation } = operationOf(work)
      const { endpoint } = operation
      // Wrong input is told now, not at night. Any id will do to try the rest.
      const id = `${endpoint.action?.type ?? ''}.x.x`
      parseRequest(endpoint, {
        params: { id },
        ...(endpoint.method === 'DELETE' ? { query: queryOf(work.input) } : { body: work.input }),
      })
    },
    describe: (work) => operationOf(work).operation.endpoint.summary,
    refuse({ job, who }, object) {
      try {
        prepare(job.work as ActionWork, object, who)
        return undefined
      } catch (error) {
        if (isAppError(error)) return error.message
        throw error
      }
    },
    async work({ job, who }, object, task) {
      const { perHost } = job.limits
      await gates.run(placeOnHost(ports.inventory, object.id, perHost), task.signal, async () => {
        await prepare(job.work as ActionWork, object, who).work(task)
      })
    },
  }
}

function operationOf({ action }: ActionWork): {
  operation: Operation
  info: NonNullable<Operation['endpoint']['action']>
} {
  const operation = allEndpoints.find((one) => one.operation === action)
  const info = operation?.endpoint.action
  if (!operation || !info) {
    const names = Object.entries(actions).flatMap(([group, list]) => Object.keys(list).map((key) => `${group}.${key}`))
    throw bulkErrors.no_such_action({ action, suggestion: closest(action, names) })
  }
  if (operation.endpoint.params) return { operation, info }
  throw jobErrors.unsupported({ kind: 'action', reason: `${action} makes something, and is not done with an object.` })
}

function queryOf(input: Readonly<Record<string, unknown>>): URLSearchParams {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(input)) {
    for (const item of Array.isArray(value) ? value : [value]) query.append(name, String(item))
  }
  return query
}
