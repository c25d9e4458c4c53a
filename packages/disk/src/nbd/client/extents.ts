import type { Extent } from '../../disk-source.ts'
import { nbdErrors } from '../errors.ts'
import { allocationContext, allocationFlag, dirtyFlag } from '../protocol.ts'
import type { StatusRun } from './reply.ts'

/** Most bytes that one block status asks about: 32 bits, less a block so that every alignment fits. */
const maxStatus = 0x1_0000_0000 - 64 * 1024

export interface RemoteExtentsOptions {
  readonly size: number
  /** Smallest block of the export in bytes. */
  readonly alignment: number
  /** Whether `base:allocation` was agreed on. */
  readonly allocation: boolean
  /** Context of a dirty bitmap: only what is dirty. */
  readonly since: string | undefined
  readonly where: string
  /** Asks for the status of a range; the result finds the runs of a context. */
  readonly status: (offset: number, length: number) => Promise<(context: string) => readonly StatusRun[] | undefined>
}

/** The extents of an export from its block status, as few as possible. */
export async function* remoteExtents(options: RemoteExtentsOptions): AsyncGenerator<Extent> {
  const { size, allocation, since } = options
  if (!allocation && since === undefined) {
    if (size > 0) yield { offset: 0, length: size, kind: 'data' }
    return
  }
  let last: Extent | undefined
  for (let offset = 0; offset < size;) {
    const found = await oneStatus(options, offset)
    for (const { length, kind } of found) {
      if (kind === undefined || kind !== last?.kind || last.offset + last.length !== offset) {
        if (last) yield last
        last = kind && { offset, length, kind }
      } else {
        last = { ...last, length: last.length + length }
      }
      offset += length
    }
  }
  if (last) yield last
}

interface Stretch {
  readonly length: number
  /** `undefined` for what did not change. */
  readonly kind: Extent['kind'] | undefined
}

async function oneStatus(options: RemoteExtentsOptions, offset: number): Promise<Stretch[]> {
  const { size, allocation, since, where } = options
  const length = Math.min(maxStatus, size - offset)
  const find = await options.status(offset, length)
  const everything: StatusRun[] = [{ length, flags: 0 }]
  const zeros = allocation ? find(allocationContext) : everything
  const dirty = since === undefined ? [{ length, flags: dirtyFlag }] : find(since)
  if (!zeros || !dirty) throw nbdErrors.protocol({ where, problem: 'a block status leaves out a context' })
  return overlay(zeros, dirty, length)
}

/** Both lists side by side, as far as both of them and `limit` go. */
function overlay(zeros: readonly StatusRun[], dirty: readonly StatusRun[], limit: number): Stretch[] {
  const result: Stretch[] = []
  let [zeroIndex, dirtyIndex, zeroUsed, dirtyUsed, done] = [0, 0, 0, 0, 0]
  while (done < limit) {
    const zeroRun = zeros[zeroIndex]
    const dirtyRun = dirty[dirtyIndex]
    if (!zeroRun || !dirtyRun) break
    // The last run of a reply may reach beyond what was asked for.
    const length = Math.min(zeroRun.length - zeroUsed, dirtyRun.length - dirtyUsed, limit - done)
    const changed = (dirtyRun.flags & dirtyFlag) !== 0
    const kind = (zeroRun.flags & allocationFlag.zero) === 0 ? 'data' : 'zero'
    result.push({ length, kind: changed ? kind : undefined })
    done += length
    zeroUsed += length
    dirtyUsed += length
    if (zeroUsed === zeroRun.length) [zeroIndex, zeroUsed] = [zeroIndex + 1, 0]
    if (dirtyUsed === dirtyRun.length) [dirtyIndex, dirtyUsed] = [dirtyIndex + 1, 0]
  }
  return result
}
