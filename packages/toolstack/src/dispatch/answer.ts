import { isAbort, messageOf } from '@nixen/core'
import { XapiError } from '@nixen/xapi'
import type { WireType } from '../model/wire-type.ts'

/** How a call ended. */
export type Answer =
  | { readonly ok: true; readonly type: WireType; readonly value: unknown }
  | { readonly ok: false; readonly code: string; readonly params: readonly string[] }

/** The error a host would answer with; what is not an error of the API is `INTERNAL_ERROR`. */
export function errorOf(error: unknown): { code: string; params: readonly string[] } {
  if (error instanceof XapiError) return { code: error.code, params: error.params }
  if (isAbort(error)) return { code: 'TASK_CANCELLED', params: [] }
  return { code: 'INTERNAL_ERROR', params: [messageOf(error)] }
}
