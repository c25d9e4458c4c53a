import { catalogue } from '@nixen/core'
import { XapiError, type XapiErrorCode, type XapiParamsOf } from '@nixen/xapi'

/**
 * The error a host answers with. `params` are the strings the data model names for `code`.
 *
 * @example throw fault('VM_BAD_POWER_STATE', vm, 'halted', 'running')
 */
export function fault<Code extends XapiErrorCode>(code: Code, ...params: XapiParamsOf<Code>): XapiError<Code> {
  return new XapiError(code, params)
}

/** The message is in the data model but the toolstack has no implementation. A real host never answers with this code. */
export function notImplemented(method: string): XapiError {
  return new XapiError('NOT_IMPLEMENTED', [method])
}

/** What keeps a toolstack from starting. */
export const toolstackErrors = catalogue('toolstack', {
  no_address: {
    text: (p: { address: string; port: number; reason: string }) =>
      `Can't listen on ${p.address}:${p.port}: ${p.reason}. Stop what uses the port or choose another one.`,
  },
  bad_option: { status: 400, text: (p: { option: string; expected: string }) => `${p.option} must be ${p.expected}.` },
  state_unreadable: {
    text: (p: { path: string; reason: string }) =>
      `The state in ${p.path} can't be read: ${p.reason}. Restore it from a copy, or start with an empty directory.`,
  },
  state_in_use: {
    text: (p: { path: string }) =>
      `Another toolstack uses the state in ${p.path}. Stop it, or give this one a directory of its own.`,
  },
  bad_dump: {
    status: 400,
    text: (p: { reason: string }) =>
      `This is no inventory that can be loaded: ${p.reason}. Make one with "nixen toolstack record".`,
  },
  state_newer: {
    text: (p: { path: string; found: number; known: number }) =>
      `The state in ${p.path} has layout ${p.found}; this version knows ${p.known}. Use the version that wrote it.`,
  },
})
