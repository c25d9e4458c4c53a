import { parseId, type ResourceId } from '@nixen/api'
import type { ActionTask, ProviderActions } from '../../action/actions.ts'
import type { LibvirtContext } from './context.ts'
import { diskActions, networkActions, nicActions, snapshotActions, storageActions, templateActions } from './others.ts'
import { refusals, refuse } from './refuse.ts'
import { createVms } from './vm-create.ts'
import { vmDevices } from './vm-devices.ts'
import { vmLifecycle } from './vm-lifecycle.ts'
import { migrateVm } from './vm-migrate.ts'
import { vmPower } from './vm-power.ts'
import { vmSettings } from './vm-settings.ts'

/** Makes an error of the contract of what a daemon refuses with; `id` is what something was done with. */
export type Translate = (error: unknown, id?: ResourceId) => unknown

/** Everything that can be done with a host. */
export function libvirtActions(context: LibvirtContext, translate: Translate): ProviderActions {
  const table: ProviderActions = {
    vm: {
      ...refuse('vm', refusals.vm),
      create: async (request, task) => await createVms(context, request, task),
      migrateStorage: async (request, task) => await migrateVm(context, request, task),
      ...vmPower(context),
      ...vmLifecycle(context),
      ...vmSettings(context),
      ...vmDevices(context),
    },
    snapshot: snapshotActions(context),
    template: templateActions(context),
    disk: diskActions(context),
    storage: storageActions(context),
    network: networkActions(context),
    nic: nicActions(context),
    host: refuse('host', refusals.host),
    pool: refuse('pool', refusals.pool),
  }
  const wrap = (group: object): object =>
    // Each is an action; which one does not matter here.
    Object.fromEntries(Object.entries(group).map(([name, run]) => [name, translated(run as AnyAction, translate)]))
  // The same functions with their errors translated.
  return Object.fromEntries(
    Object.entries(table).map(([name, group]) => [name, wrap(group)]),
  ) as unknown as ProviderActions
}

type AnyAction = (request: { readonly id?: string }, task: ActionTask) => Promise<unknown>

function translated(run: AnyAction, translate: Translate): AnyAction {
  return async (request, task) => {
    try {
      return await run(request, task)
    } catch (error) {
      if (task.signal.aborted && error === task.signal.reason) throw error
      const id = request.id !== undefined && parseId(request.id) ? (request.id as ResourceId) : undefined
      throw translate(error, id)
    }
  }
}
