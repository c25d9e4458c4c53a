import type { InputOf, ParamsOf } from '../contract/endpoint.ts'
import { vmPowerActions } from '../vm/power-actions.ts'

/** All actions, by the group of the contract that they are in. What each does is in the providers. */
export const actions = {
  vm: { ...vmPowerActions },
} as const
export type Actions = typeof actions
export type ActionGroup = keyof Actions

/** What a provider gets of an action: its parameters and input together. */
export type ActionRequest<A> = ParamsOf<A> & InputOf<A>
