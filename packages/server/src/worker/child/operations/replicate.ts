import type { DiskSource } from '@nixen/disk'
import type { ConfigDisk, OpenedDisk, RestoreSource } from '@nixen/providers'
import type { ReplicatedDisk } from '../../operations/replicate.ts'
import type { OperationCode } from '../context.ts'

/** Connections to one export of the source. */
const connections = 4

/** Copies the disks of a frozen VM into one of another host (or the same): only what changed, where both sides know. */
export const replicate: OperationCode<'replicate'> = async (input, context) => {
  const { session, journal, rates, signal, progress } = context
  const { source, target, frozen, plan, owner, base } = input
  progress({ phase: 'open' })
  const from = await session(source)
  const to = await session(target)
  const told: ReplicatedDisk[] = []
  const total = plan.disks.reduce((sum, { disk }) => sum + disk.size, 0)
  const each = new Map<string, { readonly done: number; readonly sent: number }>()
  const sum = (what: 'done' | 'sent'): number => [...each.values()].reduce((all, disk) => all + disk[what], 0)

  const onDisk = async ({ key }: ConfigDisk): Promise<RestoreSource> => {
    const replaces = plan.disks.find(({ disk }) => disk.key === key)?.replaces
    const known = base[key]
    // Only the disk that was written the last time holds what the token stands for.
    const since = known && known.copy === replaces ? known.since : undefined
    const opened = await from.protect.openDisk(frozen, key, { since, connections, signal })
    const { how, because, changed } = opened
    const counted = countReads(rates.limited(opened.source))
    const differs = since === undefined ? undefined : changed
    return {
      size: counted.disk.size,
      extents: (options) => counted.disk.extents(options),
      read: (offset, into, options) => counted.disk.read(offset, into, options),
      ...(differs ? { differs } : {}),
      async [Symbol.asyncDispose]() {
        told.push({ key, how, because, changesOnly: differs !== undefined, readBytes: counted.bytes() })
        await close(opened)
      },
    }
  }
  const restored = await to.protect.restore(plan, {
    owner,
    journal,
    onDisk,
    signal,
    progress: ({ disk, doneBytes, sentBytes }) => {
      each.set(disk, { done: doneBytes, sent: sentBytes })
      const [bytesRead, bytesWritten] = [sum('done'), sum('sent')]
      progress({ phase: 'copy', detail: disk, done: bytesRead, total, unit: 'bytes', bytesRead, bytesWritten })
    },
  })
  return { restored, disks: told }
}

function countReads(disk: DiskSource): { readonly disk: DiskSource; readonly bytes: () => number } {
  let bytes = 0
  return {
    bytes: () => bytes,
    disk: {
      size: disk.size,
      extents: (options) => disk.extents(options),
      async read(offset, into, options) {
        await disk.read(offset, into, options)
        bytes += into.length
      },
      [Symbol.asyncDispose]: async () => await disk[Symbol.asyncDispose](),
    },
  }
}

async function close(opened: OpenedDisk): Promise<void> {
  await opened[Symbol.asyncDispose]()
}
