import type { ActionTask, ProviderActions } from '../../action/actions.ts'
import type { XapiContext } from './context.ts'
import { vmPower } from './vm/power.ts'

/** Everything that can be done with a pool. `translate` makes an error of the contract of what a host refuses with. */
export function xapiActions(context: XapiContext, translate: (error: unknown) => unknown): ProviderActions {
  const table: ProviderActions = {
    vm: { ...vmPower(context) },
  }
  const wrap = (group: object): object =>
    Object.fromEntries(Object.entries(group).map(([name, run]) => [name, translated(run as AnyAction, translate)]))
  // The same functions with their errors translated.
  return Object.fromEntries(
    Object.entries(table).map(([name, group]) => [name, wrap(group)]),
  ) as unknown as ProviderActions
}

type AnyAction = (request: unknown, task: ActionTask) => Promise<unknown>

function translated(run: AnyAction, translate: (error: unknown) => unknown): AnyAction {
  return async (request, task) => {
    try {
      return await run(request, task)
    } catch (error) {
      if (task.signal.aborted && error === task.signal.reason) throw error
      throw translate(error)
    }
  }
}
