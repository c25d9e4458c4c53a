import { addressText, overlayDiskAt, serveNbd, type DiskSource, type NbdExport } from '@nixen/disk'
import { print, type CommonFlags } from './command.ts'
import type { NixenContext } from './context.ts'
import { listenOptions, untilAborted, type ListenFlags } from './serving.ts'

/** Serves a disk over NBD until the user ends it. The disk is disposed of. `name` is what the user calls it. */
export async function serveDisk(
  context: NixenContext,
  flags: CommonFlags & ListenFlags,
  { name, open }: { readonly name: string; readonly open: () => Promise<DiskSource> },
): Promise<void> {
  const { listen, tls } = await listenOptions(flags)
  const source = await open()
  const overlay = flags.overlay === undefined ? undefined : await overlayDiskAt(source, flags.overlay)
  await using disk = overlay ?? source
  const exported: NbdExport = {
    name: flags.export,
    description: name,
    source: disk,
    ...(overlay ? { writable: overlay } : {}),
  }
  await using server = await serveNbd({ exports: [exported], listen, tls })
  const address = addressText(server.address, flags.export)
  const uri = tls ? address.replace(/^nbd/, 'nbds') : address
  const access = overlay ? `writable, changes go to ${flags.overlay}` : 'read-only'
  print(context, flags, {
    json: { uri, name, writable: overlay !== undefined },
    text: `${name} is served at ${uri} (${access}). Ctrl-C ends it.`,
  })
  await untilAborted(context.signal)
}
