import { protectErrors } from '@nixen/api'
import { isAppError, messageOf } from '@nixen/core'
import { NbdDisk, openNbd, type Extent } from '@nixen/disk'
import type { Domain } from '@nixen/libvirt'
import type { FrozenDisk, FrozenVm } from '../../protect/freeze.ts'
import type { OpenDiskOptions, OpenedDisk } from '../../protect/open-disk.ts'
import { fallback, type FallbackReason } from '../../protect/reasons.ts'
import type { LibvirtContext } from '../actions/context.ts'
import { isGone } from '../errors.ts'
import { currentJob, type BackupDisk } from './backup-job.ts'
import { listCheckpoints } from './checkpoints.ts'
import { damagedNote } from './freeze.ts'
import { reachSocket } from './reach.ts'
import { readToken } from './token.ts'

/** Opens a frozen disk over NBD. @throws protect.frozen_gone, protect.unreadable, protect.source_changed */
export async function openFrozen(
  context: LibvirtContext,
  frozen: FrozenVm,
  { disk: key, ...options }: OpenDiskOptions & { readonly disk: string },
): Promise<OpenedDisk> {
  const disk = frozen.disks.find((one) => one.key === key)
  const dom = await domainOfFrozen(context, frozen)
  const job = dom && (await currentJob(context.link.main, dom))
  const found = job?.socket.endsWith(`/n-${frozen.mark}`) ? job.disks.get(key) : undefined
  if (!disk || !dom || !job || !found) throw protectErrors.frozen_gone({ disk: disk?.name ?? key })
  const because = await whyNot(context, dom, { frozen, found, disk, options })
  const changes = because.length === 0 && found.bitmap !== undefined ? `qemu:dirty-bitmap:${found.bitmap}` : undefined
  const way = await reachSocket(context, job.socket, options.signal)
  try {
    const source = await openNbd({
      socketPath: way.path,
      exportName: found.exportName,
      contexts: changes === undefined ? [] : [changes],
      connections: options.connections ?? 2,
      clock: context.clock,
      signal: options.signal,
    })
    const dispose = async (): Promise<void> => {
      await source[Symbol.asyncDispose]()
      await way[Symbol.asyncDispose]()
    }
    try {
      return await opened(source, { disk, because, changes, dispose })
    } catch (error) {
      await dispose()
      throw error
    }
  } catch (error) {
    await way[Symbol.asyncDispose]()
    options.signal?.throwIfAborted()
    if (isAppError(error) && error.code.startsWith('protect.')) throw error
    throw protectErrors.unreadable({ disk: disk.name, reasons: messageOf(error) }, { cause: error })
  }
}

async function opened(
  source: NbdDisk,
  {
    disk,
    because,
    changes,
    dispose,
  }: {
    disk: FrozenDisk
    because: readonly FallbackReason[]
    changes: string | undefined
    dispose: () => Promise<void>
  },
): Promise<OpenedDisk> {
  if (source.size !== disk.size) {
    throw protectErrors.source_changed({ disk: disk.name, before: disk.size, now: source.size })
  }
  const common = { source, because, sequential: false, [Symbol.asyncDispose]: dispose }
  if (changes === undefined) return { ...common, how: 'nbd-full' }
  const changed: Extent[] = []
  // Also what reads as zeros now has to be told as content: it was something else before.
  for await (const { offset, length } of source.extents({ since: NbdDisk.token(changes) })) {
    changed.push({ offset, length, kind: 'data' })
  }
  return { ...common, how: 'nbd-cbt', changed }
}

async function domainOfFrozen({ link }: LibvirtContext, { vm }: FrozenVm): Promise<Domain | undefined> {
  try {
    return (await link.main.call.domainLookupByUuid({ uuid: vm })).dom
  } catch (error) {
    if (isGone(error)) return undefined
    throw error
  }
}

/** Why changes since the token cannot be told; empty when they can. */
async function whyNot(
  { link }: LibvirtContext,
  dom: Domain,
  { frozen, found, disk, options }: { frozen: FrozenVm; found: BackupDisk; disk: FrozenDisk; options: OpenDiskOptions },
): Promise<FallbackReason[]> {
  const { since, without = [] } = options
  if (without.includes('nbd')) throw protectErrors.unreadable({ disk: disk.name, reasons: 'NBD was not to be used.' })
  if (since === undefined) return [fallback('first')]
  if (without.includes('changes')) return [fallback('left_out', { what: 'The log of changes' })]
  const token = readToken(since)
  if (!token) return [fallback('token_foreign')]
  if (token.domain !== frozen.vm || token.disk !== disk.key) return [fallback('disk_replaced')]
  if (disk.tracking !== 'on') return [fallback('tracking_unsupported', { why: disk.tracking.off.replace(/\.$/, '') })]
  const damaged = frozen.notes.find(({ code }) => code === damagedNote)
  if (damaged) return [fallback('tracking_damaged', { message: damaged.text.replace(/\.$/, '') })]
  const names = (await listCheckpoints(link.main, dom)).map(({ name }) => name)
  // What the job tells begins at `found.since`; a token from then or later is covered by it.
  const [base, wanted] = [names.indexOf(found.since ?? ''), names.indexOf(token.checkpoint)]
  if (wanted < 0) return [fallback('token_gone')]
  return base < 0 || wanted < base ? [fallback('tracking_off')] : []
}
