import { once } from 'node:events'
import { chmod, chown, rm } from 'node:fs/promises'
import { lockForReading, restorePointDisk, type Repository } from '@nixen/backup'
import { anySignal, MiB } from '@nixen/core'
import { overlayDiskAt, serveNbd, type NbdExport } from '@nixen/disk'
import type { ExportInput } from '../../operations/export.ts'
import type { OperationCode } from '../context.ts'

/** Decoded content that is kept for all disks of an export together. A guest that starts reads much of it more than once. */
const cacheBytes = 128 * MiB

/** Gives disks of a restore point to NBD clients until it is cancelled; writes go to overlays, which stay. */
export const exportDisks: OperationCode<'export'> = async (input, { openWithIndex, signal, send, progress }) => {
  progress({ phase: 'open' })
  const repository = await openWithIndex()
  // As long as it is served no prune may take its data away.
  await using lock = await lockForReading(repository, { signal })
  const held = anySignal(signal, lock?.signal)
  await using opened = await openDisks(repository, input, held)
  const { listen, tls } = input
  await using server = await serveNbd({ exports: opened.exports, listen, ...(tls ? { tls } : {}) })
  if ('socketPath' in listen) await letIn(listen)
  const { address } = server
  const disks = opened.exports.map(({ name, source }, at) => ({
    name,
    size: source.size,
    path: input.disks[at]?.path ?? '',
  }))
  await send([{ disks, ...('port' in address ? { port: address.port } : {}) }])
  progress({ phase: 'serve' })
  if (!held.aborted) await once(held, 'abort')
  await server.close()
  if ('socketPath' in listen) await rm(listen.socketPath, { force: true })
  // A lost lock is a failure; being asked to end is not.
  lock?.signal.throwIfAborted()
  return {}
}

/** Until then it is open to this user alone. */
async function letIn({
  socketPath,
  group,
}: {
  readonly socketPath: string
  readonly group?: number | undefined
}): Promise<void> {
  if (group !== undefined) await chown(socketPath, -1, group)
  await chmod(socketPath, group === undefined ? 0o600 : 0o660)
}

async function openDisks(repository: Repository, { snapshot, disks }: ExportInput, signal: AbortSignal) {
  await using parts = new AsyncDisposableStack()
  const exports: NbdExport[] = []
  const share = Math.max(16 * MiB, Math.floor(cacheBytes / disks.length))
  for (const { path, name, overlay } of disks) {
    const disk = await restorePointDisk(repository, { snapshot, path, readAhead: 8, cacheBytes: share, signal })
    if (overlay === undefined) {
      exports.push({ name, source: parts.use(disk) })
      continue
    }
    const writable = parts.use(await overlayDiskAt(disk, overlay, { signal }))
    exports.push({ name, source: writable, writable })
  }
  const open = parts.move()
  return { exports, [Symbol.asyncDispose]: async () => await open.disposeAsync() }
}
