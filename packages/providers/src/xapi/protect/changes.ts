import { messageOf } from '@nixen/core'
import type { ChangeToken, Extent } from '@nixen/disk'
import { changedBlocks, isXapiError, type Ref, type VDIRecord } from '@nixen/xapi'
import type { FrozenDisk } from '../../protect/freeze.ts'
import { fallback, type FallbackReason } from '../../protect/reasons.ts'
import { callsOf, isGone, unlessGone, type ProtectContext, type Stoppable } from './context.ts'
import { readToken } from './token.ts'

/** The frozen disk of an earlier backup. */
export interface Base {
  readonly ref: Ref<'VDI'>
  readonly vdi: VDIRecord
}

/** What is kept of the backup that a token stands for, if it can be compared with the disk as it is now. */
export async function findBase(
  context: ProtectContext,
  disk: FrozenDisk,
  { since, signal }: Stoppable & { since: ChangeToken | undefined },
): Promise<Base | FallbackReason> {
  if (since === undefined) return fallback('first')
  const token = readToken(since)
  if (!token) return fallback('token_foreign')
  if (token.disk !== disk.key) return fallback('disk_replaced')
  if (token.size !== disk.size) return fallback('disk_resized', { from: token.size, to: disk.size })
  const { VDI } = callsOf(context, { signal })
  const ref = await unlessGone(VDI.get_by_uuid(token.frozen))
  const vdi = ref === undefined ? undefined : await unlessGone(VDI.get_record(ref))
  if (ref === undefined || !vdi) return fallback('token_gone')
  // The size that its record tells is checked as well: a list of changes for a smaller disk would miss the end.
  if (vdi.virtual_size !== disk.size) {
    return fallback('disk_resized', { from: vdi.virtual_size, to: disk.size })
  }
  return { ref, vdi }
}

/** What the host's log says has changed since then. */
export async function trackedChanges(
  { xapi }: ProtectContext,
  { vdi, disk, base }: { vdi: Ref<'VDI'>; disk: FrozenDisk; base: Base },
  { signal }: Stoppable = {},
): Promise<readonly Extent[] | FallbackReason> {
  if (disk.tracking !== 'on') return fallback('tracking_unsupported', { why: disk.tracking.off })
  if (!base.vdi.cbt_enabled) return fallback('tracking_off')
  try {
    const range = { from: base.ref, to: vdi, size: disk.size, ...(signal ? { signal } : {}) }
    return Array.from(await changedBlocks(xapi, range), (extent) => ({ ...extent, kind: 'data' as const }))
  } catch (error) {
    signal?.throwIfAborted()
    if (!isXapiError(error)) throw error
    if (isGone(error)) return fallback('token_gone')
    const message = messageOf(error)
    if (error.code === 'SR_BACKEND_FAILURE_460') return fallback('tracking_interrupted', { message })
    if (error.code === 'SR_BACKEND_FAILURE_459') return fallback('tracking_damaged', { message })
    return fallback('tracking_failed', { message })
  }
}
