import { commonFlags, lazyCommand } from '../command.ts'
import type { NixenContext } from '../context.ts'
import type { DemoFlags } from './run.ts'

/** `nixen demo` */
export const demoRoute = lazyCommand(
  async () => {
    const { demo } = await import('./run.ts')
    return async (context: NixenContext, flags: DemoFlags) => {
      if (!flags.local) return await demo(context, flags)
      const { demoLocal } = await import('./local/run.ts')
      await demoLocal(context, flags)
    }
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
        local: {
          kind: 'boolean',
          brief: 'On a real Linux guest: a libvirt daemon of its own on this machine, which ends with it',
          default: false,
        },
      },
    },
    docs: {
      brief: 'Show the main job from end to end: back up, change, back up, check, lose, restore, compare',
      fullDescription:
        'Starts a server and a simulated pool whose VMs have real disks in a temporary folder (about 400 MB, removed at the end), backs the VMs up, lets their guests write, backs up what changed, checks the repository reading all of it (also with restic, if it is on this machine), restores a VM whose disk was written over, and compares every byte with what the disk held at the moment of the backup. Then the server runs on until interrupted. With --local all of this happens to a small Linux made of Debian packages that boots on QEMU: it changes its files through its guest agent, is destroyed, restored and booted again.',
    },
  },
)
