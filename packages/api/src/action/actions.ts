import type { InputOf, ParamsOf } from '../contract/endpoint.ts'
import { diskActions } from '../disk/actions.ts'
import { hostActions } from '../host/actions.ts'
import { networkActions } from '../network/actions.ts'
import { nicActions } from '../nic/actions.ts'
import { poolActions } from '../pool/actions.ts'
import { snapshotActions } from '../snapshot/actions.ts'
import { storageActions } from '../storage/actions.ts'
import { templateActions } from '../template/actions.ts'
import { vmCreateActions } from '../vm/create-action.ts'
import { vmDeviceActions } from '../vm/device-actions.ts'
import { vmPassthroughActions } from '../vm/passthrough-actions.ts'
import { vmLifecycleActions } from '../vm/lifecycle-actions.ts'
import { vmPowerActions } from '../vm/power-actions.ts'
import { vmSettingsActions } from '../vm/settings-actions.ts'

/** All actions, by the group of the contract that they are in. What each does is in the providers. */
export const actions = {
  vm: {
    ...vmCreateActions,
    ...vmPowerActions,
    ...vmLifecycleActions,
    ...vmSettingsActions,
    ...vmDeviceActions,
    ...vmPassthroughActions,
  },
  snapshot: snapshotActions,
  template: templateActions,
  disk: diskActions,
  storage: storageActions,
  network: networkActions,
  nic: nicActions,
  host: hostActions,
  pool: poolActions,
} as const
export type Actions = typeof actions
export type ActionGroup = keyof Actions

/** What a provider gets of an action: its parameters and input together. */
export type ActionRequest<A> = (A extends { readonly params: unknown } ? ParamsOf<A> : unknown) &
  (A extends { readonly input: unknown } ? InputOf<A> : unknown)
