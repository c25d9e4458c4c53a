import { restoreState } from '@nixen/server'
import { print } from '../command.ts'
import type { NixenContext } from '../context.ts'
import { formatDate } from '../output/date.ts'
import { stateDirectory } from '../connect/state-directory.ts'
import type { StateFlags } from './backup.ts'

/** `nixen state restore` */
export async function restore(context: NixenContext, flags: StateFlags, from: string): Promise<void> {
  const to = stateDirectory(context.process.env ?? {}, flags.state)
  const made = await restoreState(from, to)
  print(context, flags, {
    json: { from, to, ...made },
    text: `Restored the state of ${formatDate(made.created)} to ${to}. Start it with: nixen serve --state ${to}`,
  })
}
