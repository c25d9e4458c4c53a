import { commonFlags, lazyCommand } from '../command.ts'
import type { NixenContext } from '../context.ts'
import type { DemoFlags } from './run.ts'

/** `nixen demo` */
export const demoRoute = lazyCommand(
  async () => {
    const { demo } = await import('./run.ts')
    return async (context: NixenContext, flags: DemoFlags) => await demo(context, flags)
  },
  {
    parameters: {
      flags: {
        ...commonFlags,
        once: {
          kind: 'boolean',
          brief: 'End when it is done, with status 0 only if every byte came back',
          default: false,
        },
      },
    },
    docs: {
      brief: 'Show the main job from end to end: back up, change, back up, check, lose, restore, compare',
      fullDescription:
        'Starts a server and a simulated pool whose VMs have real disks in a temporary folder (about 400 MB, removed at the end), backs the VMs up, lets their guests write, backs up what changed, checks the repository reading all of it (also with restic, if it is on this machine), restores a VM whose disk was written over, and compares every byte with what the disk held at the moment of the backup. Then the server runs on until interrupted.',
    },
  },
)
