import { openDisk } from '@nixen/disk'
import type { CommonFlags } from '../command.ts'
import type { NixenContext } from '../context.ts'
import { serveDisk } from '../serve-disk.ts'
import type { ListenFlags } from '../serving.ts'
import { openOptions, type OpenFlags } from './flags.ts'

/** `nixen disk serve IMAGE`: an NBD server until it is interrupted. */
export async function serveCommand(
  context: NixenContext,
  flags: CommonFlags & OpenFlags & ListenFlags,
  path: string,
): Promise<void> {
  await serveDisk(context, flags, { name: path, open: () => openDisk(path, openOptions(flags, context.signal)) })
}
