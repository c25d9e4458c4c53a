import { XapiError } from '@nixen/xapi'
import type { Call } from '../dispatch/call.ts'
import type { Ref } from '../generated/rows.ts'

/** A function of a plugin: its answer is text, mostly JSON. */
export type PluginFunction = (
  call: Call,
  host: Ref<'host'>,
  args: Readonly<Record<string, string>>,
) => string | Promise<string>

/** Functions by name. */
export type Plugin = Readonly<Record<string, PluginFunction>>

/** How plugins of XCP-ng tell of a failure: the code `-1`, what went wrong, and two texts that are empty here. */
export function pluginFailure(message: string): XapiError {
  return new XapiError('-1', [message, '', ''])
}
