import { loadConfig } from '@nixen/server'
import { print, type CommonFlags } from '../command.ts'
import type { NixenContext } from '../context.ts'

/** `nixen appliance check`: whether the server would take a file of settings. The NixOS module asks so when it makes one. */
export async function check(context: NixenContext, flags: CommonFlags, file: string): Promise<void> {
  const { located } = loadConfig({ file })
  const set = Object.entries(located).filter(([, { source }]) => source === 'file')
  const json = { file, settings: set.map(([key]) => key) }
  print(context, flags, { json, text: `${file}: ${set.length} settings, all understood.` })
}
