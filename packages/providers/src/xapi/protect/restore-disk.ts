import { isAppError } from '@nixen/core'
import type { DiskSource } from '@nixen/disk'
import { parseId, protectErrors } from '@nixen/api'
import { isXapiError, type Ref } from '@nixen/xapi'
import type { RestoreDiskPlan, RestoreSource } from '../../protect/restore.ts'
import { callsOf, type ProtectContext } from './context.ts'
import { isFull } from './failures.ts'
import { markedName, ownerKey, restoringKey, withMarks } from './marks.ts'
import type { Restoring } from './restore.ts'
import { cloningKey, type CloneMark, type NewObject } from './restore-undo.ts'
import { destroyDisk } from './snapshot.ts'
import { checkWritten, writeDifference, writeWhole, type WriteOptions } from './write-disk.ts'

/** A disk that a restore has written. */
export interface RestoringDisk {
  readonly key: string
  readonly ref: Ref<'VDI'>
  readonly uuid: string
  /** The name that it gets at the end. */
  readonly name: string
  readonly mode: 'whole' | 'difference'
  readonly sentBytes: number
}

/** Makes a new disk and fills it. */
export async function newDisk(
  context: ProtectContext,
  restoring: Restoring,
  plan: RestoreDiskPlan,
): Promise<RestoringDisk> {
  await using source = await openSource(restoring, plan)
  return await fillNew(context, restoring, { plan, source })
}

/** Makes a copy of an existing disk and writes what differs; a new disk where that does not go well. */
export async function changedDisk(
  context: ProtectContext,
  restoring: Restoring,
  { plan, existing }: { plan: RestoreDiskPlan; existing: Ref<'VDI'> },
): Promise<RestoringDisk> {
  const { signal } = restoring
  await using source = await openSource(restoring, plan)
  const ref = await cloneDisk(context, restoring, { plan, existing })
  const options = { ...writing(restoring, plan), source }
  try {
    const sentBytes = await writeDifference(context, ref, { ...options, differs: source.differs })
    await checkWritten(context, ref, options)
    return await described(context, ref, { plan, mode: 'difference', sentBytes })
  } catch (error) {
    signal?.throwIfAborted()
    if (!isAppError(error, 'protect.restore_failed')) throw error
    const text = `The differences of ${plan.disk.name} could not be written (${error.message}): all of it was.`
    restoring.notes.push({ code: 'difference-failed', text })
    await destroyDisk(context, ref, { signal })
    return await fillNew(context, restoring, { plan, source })
  }
}

async function openSource({ options }: Restoring, { disk }: RestoreDiskPlan): Promise<RestoreSource> {
  const source = await options.onDisk(disk)
  if (source.size === disk.size) return source
  await source[Symbol.asyncDispose]()
  throw protectErrors.source_changed({ disk: disk.name, before: disk.size, now: source.size })
}

async function fillNew(
  context: ProtectContext,
  restoring: Restoring,
  { plan, source }: { plan: RestoreDiskPlan; source: DiskSource },
): Promise<RestoringDisk> {
  const ref = await createDisk(context, restoring, plan)
  const options = { ...writing(restoring, plan), source }
  const sentBytes = await writeWhole(context, ref, options)
  await checkWritten(context, ref, options)
  return await described(context, ref, { plan, mode: 'whole', sentBytes })
}

async function createDisk(
  context: ProtectContext,
  { mark, options, signal, begin }: Restoring,
  { disk, storage }: RestoreDiskPlan,
): Promise<Ref<'VDI'>> {
  const calls = callsOf(context, { signal })
  const name = markedName(disk.name, mark)
  const data = { name, mark, final: disk.name } satisfies NewObject
  await begin({ kind: 'protect.disk', what: `Remove the half-restored disk ${disk.name}`, data })
  try {
    return await calls.VDI.create({
      name_label: name,
      name_description: disk.description,
      SR: await calls.SR.get_by_uuid(parseId(storage.id)?.key ?? ''),
      virtual_size: disk.size,
      type: disk.kind === 'memory' ? 'suspend' : 'user',
      sharable: false,
      read_only: false,
      other_config: { [restoringKey]: mark, [ownerKey]: options.owner },
    })
  } catch (error) {
    throw createFailure(error, { disk: disk.name, storage: storage.name })
  }
}

async function cloneDisk(
  context: ProtectContext,
  { mark, options, signal, begin }: Restoring,
  { plan: { disk, storage }, existing }: { plan: RestoreDiskPlan; existing: Ref<'VDI'> },
): Promise<Ref<'VDI'>> {
  const { VDI } = callsOf(context, { signal })
  const { uuid, other_config } = await VDI.get_record(existing)
  const clone = { source: uuid, mark } satisfies CloneMark
  await begin({ kind: 'protect.clone', what: `Remove the copy of the disk ${disk.name}`, data: clone })
  const name = markedName(disk.name, mark)
  const data = { name, mark, final: disk.name } satisfies NewObject
  await begin({ kind: 'protect.disk', what: `Remove the half-restored disk ${disk.name}`, data })
  try {
    await VDI.remove_from_other_config(existing, cloningKey)
    await VDI.add_to_other_config(existing, cloningKey, mark)
    const ref = await VDI.clone(existing)
    // First the name and the mark by which the second step finds it, in the order in which that looks.
    await VDI.set_name_label(ref, name)
    const { [cloningKey]: _cloning, ...own } = withMarks(other_config, {
      [restoringKey]: mark,
      [ownerKey]: options.owner,
    })
    await VDI.set_other_config(ref, own)
    await VDI.remove_from_other_config(existing, cloningKey)
    return ref
  } catch (error) {
    throw createFailure(error, { disk: disk.name, storage: storage.name })
  }
}

function createFailure(error: unknown, { disk, storage }: { disk: string; storage: string }): unknown {
  if (!isXapiError(error)) return error
  const options = { cause: error }
  if (isFull(error)) return protectErrors.storage_full({ storage, what: `the disk "${disk}" does not fit` }, options)
  return protectErrors.restore_failed({ disk, reason: error.message }, options)
}

function writing({ options, signal }: Restoring, { disk, storage }: RestoreDiskPlan): WriteOptions {
  return {
    name: disk.name,
    storage: storage.name,
    signal,
    progress: (done) => options.progress?.({ disk: disk.key, ...done }),
  }
}

async function described(
  context: ProtectContext,
  ref: Ref<'VDI'>,
  { plan, mode, sentBytes }: { plan: RestoreDiskPlan; mode: RestoringDisk['mode']; sentBytes: number },
): Promise<RestoringDisk> {
  const uuid = await callsOf(context).VDI.get_uuid(ref)
  return { key: plan.disk.key, ref, uuid, name: plan.disk.name, mode, sentBytes }
}
