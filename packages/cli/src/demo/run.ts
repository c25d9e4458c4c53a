import { formatBytes } from '@nixen/core'
import { print, type CommonFlags } from '../command.ts'
import type { NixenContext } from '../context.ts'
import { counted } from '../output/count.ts'
import { untilAborted } from '../serving.ts'
import { Narrator } from './narrator.ts'
import { resticCommand } from './restic.ts'
import { play, stepCount } from './scenario.ts'
import { openStage, type Stage } from './stage.ts'
import { invitation, summaryJson, summaryText } from './summary.ts'

export interface DemoFlags extends CommonFlags {
  readonly once: boolean
  readonly local: boolean
}

/** What watches the demonstration, and shapes it. */
export interface DemoHooks {
  /** How many VMs get real disks; all that there are when left out. */
  readonly machines?: number

  /** Called before each step, and waited for; with the folder of everything once there is one. */
  readonly onStep?: (step: string, folder: string | undefined) => void | Promise<void>
}

/** `nixen demo`: the main job from end to end. Fails unless every byte came back. */
export async function demo(context: NixenContext, flags: DemoFlags, hooks: DemoHooks = {}): Promise<void> {
  let stage: Stage | undefined
  const onStep = async (step: string): Promise<void> => await hooks.onStep?.(step, stage?.folder)
  const narrator = new Narrator({ context, json: flags.json, steps: stepCount, onStep })
  stage = await narrator.step({ name: 'start', title: 'Start a server and a simulated pool' }, async (view) => {
    const value = await openStage(context, view, hooks.machines)
    const { machines, sizes } = value
    const disks = `${formatBytes(sizes.virtual)} with ${formatBytes(sizes.data)} of data`
    return { value, told: `${counted(machines.length, 'VM')} with real disks, ${disks}` }
  })
  await using open = stage
  const found = await play(open, narrator)
  const text = summaryText(open, found, narrator)
  const after = flags.once
    ? `\nrestic reads the repository as well (here it is removed now; without --once it stays until Ctrl-C):\n  ${resticCommand(found.repository, 'snapshots')}\n\nEvery byte came back.`
    : invitation(open, found)
  print(context, flags, { json: summaryJson(open, found, narrator), text: `${text}\n${after}` })
  if (!flags.once) await untilAborted(context.signal)
}
