import type { ActionTask, ProviderActions } from '../../action/actions.ts'
import type { XapiContext } from './context.ts'
import { diskActions } from './disk.ts'
import { hostActions } from './host.ts'
import { networkActions } from './network.ts'
import { nicActions } from './nic.ts'
import { poolActions } from './pool.ts'
import { snapshotActions } from './snapshot.ts'
import { storageActions } from './storage.ts'
import { templateActions } from './template.ts'
import { createVms } from './vm/create.ts'
import { vmDevices } from './vm/devices.ts'
import { vmLifecycle } from './vm/lifecycle.ts'
import { vmPassthrough } from './vm/passthrough.ts'
import { vmPower } from './vm/power.ts'
import { vmSettings } from './vm/settings.ts'

/** Everything that can be done with a pool. `translate` makes an error of the contract of what a host refuses with. */
export function xapiActions(context: XapiContext, translate: (error: unknown) => unknown): ProviderActions {
  const table: ProviderActions = {
    vm: {
      create: async (request, task) => await createVms(context, request, task),
      ...vmPower(context),
      ...vmLifecycle(context),
      ...vmSettings(context),
      ...vmDevices(context),
      ...vmPassthrough(context),
    },
    snapshot: snapshotActions(context),
    template: templateActions(context),
    disk: diskActions(context),
    storage: storageActions(context),
    network: networkActions(context),
    nic: nicActions(context),
    host: hostActions(context),
    pool: poolActions(context),
  }
  const wrap = (group: object): object =>
    // Each is an action; which one does not matter here.
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
