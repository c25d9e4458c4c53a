import { AppError } from '@nixen/core'
import type { XapiError } from '@nixen/xapi'
import { contractError } from './contract.ts'
import { familyOf } from './families.ts'
import { generalRefusals } from './general.ts'
import { hostRefusals } from './host.ts'
import { networkRefusals } from './network.ts'
import { poolRefusals } from './pool.ts'
import { plainText, sentence, type Names } from './sentence.ts'
import type { RefusalSpec, Refusals } from './spec.ts'
import { driverRefusal } from './storage-drivers.ts'
import { storageRefusals } from './storage.ts'
import { stateRefusals } from './states.ts'
import { vmRefusals } from './vm.ts'

/** The sentences that were written for one code each. */
export const written: Refusals = {
  ...generalRefusals,
  ...stateRefusals,
  ...vmRefusals,
  ...hostRefusals,
  ...storageRefusals,
  ...networkRefusals,
  ...poolRefusals,
}

/** What a host means with a code, also one that is newer than the data model. */
export function refusalOf(code: string, params: readonly string[]): RefusalSpec {
  const own = Object.hasOwn(written, code) ? (written as Readonly<Record<string, RefusalSpec>>)[code] : undefined
  return own ?? driverRefusal(code) ?? familyOf(code, params.length)
}

/** Nothing is known of the objects. */
export const noNames: Names = () => undefined

/**
 * The error that says what a host refused, and what to do: the contract's own where it has one (`vm.bad_power_state`), otherwise
 * `xapi.CODE`. `names` finds the objects that it names.
 */
export function refusalError(error: XapiError, names: Names = noNames): AppError {
  const { code, params } = error
  const own = contractError(code, { params, names, cause: error })
  if (own) return own
  const { text, status, retryable } = refusalOf(code, params)
  const details = { code, params: params.map((param) => plainText(param, names)) }
  return new AppError({
    code: `xapi.${code}`,
    message: sentence(text, params, names),
    status,
    retryable,
    details,
    cause: error,
  })
}

/** Whether an error is what a host refused: `xapi.` and a code in capitals, unlike the errors of the client. */
export function isRefusal({ code }: { readonly code: string }): boolean {
  return /^xapi\.[A-Z]/.test(code)
}
