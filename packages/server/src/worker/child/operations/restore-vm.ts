import { lockForReading, restorePointDisk } from '@nixen/backup'
import { anySignal } from '@nixen/core'
import type { OperationCode } from '../context.ts'

/** Makes a VM of a restore point, by its provider; or gives an existing one its disks back. */
export const restoreVm: OperationCode<'restoreVm'> = async (input, context) => {
  const { openWithIndex, session, journal, signal, progress } = context
  const { connection, plan, owner, snapshot, files = {} } = input
  progress({ phase: 'open' })
  const repository = await openWithIndex()
  // As long as it is read no prune may take its data away.
  await using lock = await lockForReading(repository, { signal })
  const held = anySignal(signal, lock?.signal)
  const { protect } = await session(connection)
  const total = plan.disks.reduce((sum, { disk }) => sum + disk.size, 0)
  const each = new Map<string, { readonly done: number; readonly sent: number }>()
  const sum = (what: 'done' | 'sent'): number => [...each.values()].reduce((all, disk) => all + disk[what], 0)
  return await protect.restore(plan, {
    owner,
    journal,
    signal: held,
    onDisk: async ({ key }) => {
      const path = files[key] ?? `/disk-${key}.raw`
      return await restorePointDisk(repository, { snapshot, path, readAhead: 16, signal: held })
    },
    progress: ({ disk, doneBytes, sentBytes }) => {
      each.set(disk, { done: doneBytes, sent: sentBytes })
      const [bytesRead, bytesWritten] = [sum('done'), sum('sent')]
      progress({ phase: 'write', detail: disk, done: bytesRead, total, unit: 'bytes', bytesRead, bytesWritten })
    },
  })
}
