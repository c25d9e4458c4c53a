import { formatId, protectErrors } from '@nixen/api'
import type { Ref } from '@nixen/xapi'
import type { ProtectNote } from '../../protect/freeze.ts'
import type { RestoreDiskPlan, RestoredVm, RestoreOptions, RestorePlan } from '../../protect/restore.ts'
import type { ProtectEntry, ProtectStep } from '../../protect/undo.ts'
import { callsOf, type ProtectContext, type Stoppable } from './context.ts'
import { ensureLineage, writeLineage } from './lineage.ts'
import { addDevices, makeVm } from './make-vm.ts'
import { markedName, newMark, ownerKey, restoringKey } from './marks.ts'
import { newDisk, type RestoringDisk } from './restore-disk.ts'
import { restoreInto } from './restore-into.ts'
import { finishDisk, finishVm, plugIn, type NewObject } from './restore-undo.ts'
import { undoProtect } from './undo.ts'

/** How long taking back a restore that failed may take, in milliseconds. */
const cleanupTime = 120_000

/** A restore that is going on. */
export interface Restoring extends Stoppable {
  readonly plan: RestorePlan
  readonly options: RestoreOptions
  readonly mark: string
  readonly notes: ProtectNote[]
  /** Writes a step down before it is made. */
  readonly begin: (step: ProtectStep) => Promise<void>
  /** Everything is there: the steps are of no more use. */
  readonly complete: () => Promise<void>
}

/** Carries out a plan; what fails is taken back. */
export async function restoreVm(
  context: ProtectContext,
  plan: RestorePlan,
  options: RestoreOptions,
): Promise<RestoredVm> {
  if (plan.problems.length > 0) throw protectErrors.plan_impossible({ problems: plan.problems })
  const begun: { step: ProtectStep; entry: ProtectEntry }[] = []
  const restoring: Restoring = {
    plan,
    options,
    signal: options.signal,
    mark: newMark(context.random),
    notes: [...plan.notes],
    async begin(step) {
      begun.push({ step, entry: await options.journal.undo(step) })
    },
    async complete() {
      for (const { entry } of begun.splice(0).toReversed()) await entry.forget()
    },
  }
  try {
    const { identity } = plan.request
    return identity.kind === 'into'
      ? await restoreInto(context, restoring, identity.vm)
      : await restoreNew(context, restoring)
  } catch (error) {
    await takeBack(context, begun)
    options.signal?.throwIfAborted()
    throw error
  }
}

/** Undoes what was begun, the last step first. What can't be undone now stays in the journal. */
async function takeBack(
  context: ProtectContext,
  begun: readonly { step: ProtectStep; entry: ProtectEntry }[],
): Promise<void> {
  const signal = AbortSignal.timeout(cleanupTime)
  for (const { step, entry } of begun.toReversed()) {
    try {
      await undoProtect(context, step, { signal })
      await entry.forget()
    } catch {
      // It is in the journal; what went wrong first is what counts. Earlier steps may build on this one: they wait as well.
      return
    }
  }
}

async function restoreNew(context: ProtectContext, restoring: Restoring): Promise<RestoredVm> {
  const { plan, options, mark, notes, signal } = restoring
  const calls = callsOf(context, { signal })
  const written: RestoringDisk[] = []
  // A suspended VM can only be made with its memory.
  const memory = plan.disks.find(({ disk }) => disk.kind === 'memory')
  if (memory) written.push(await newDisk(context, restoring, memory))
  const name = markedName(plan.name, mark)
  const data = { name, mark, final: plan.name } satisfies NewObject
  await restoring.begin({ kind: 'protect.vm', what: `Remove the half-restored VM ${plan.name}`, data })
  const vm = await makeVm(context, { plan, name, mark, owner: options.owner, memory: written[0]?.ref }, { signal })
  await addDevices(context, vm, { plan, notes, signal })
  for (const disk of plan.disks) {
    if (disk === memory) continue
    const made = await newDisk(context, restoring, disk)
    written.push(made)
    await plugDisk(context, vm, { plan: disk, vdi: made.ref, signal })
  }
  const uuid = await calls.VM.get_uuid(vm)
  const { config, identity } = plan.request
  if (identity.kind === 'same') await writeLineage(context, vm, { lineage: config.lineage, uuid }, { signal })
  else await ensureLineage(context, vm, { uuid, other_config: {} }, { signal })
  // From here on there is no way back: an abort would leave a VM that is complete.
  await completeVm(context, vm, { final: plan.name, written })
  await restoring.complete()
  const started =
    plan.request.start === true && (await start(context, vm, { suspended: memory !== undefined, signal, notes }))
  return {
    vm: formatId({ type: 'vm', connection: context.connection, key: uuid }),
    name: plan.name,
    started,
    disks: written.map(({ key, uuid: vdi, mode, sentBytes }) => ({ key, uuid: vdi, mode, sentBytes })),
    notes,
  }
}

async function plugDisk(
  context: ProtectContext,
  vm: Ref<'VM'>,
  { plan, vdi, signal }: Stoppable & { plan: RestoreDiskPlan; vdi: Ref<'VDI'> },
): Promise<void> {
  const { position, bootable, readOnly } = plan.disk
  const swap = { position, old: null, bootable, mode: readOnly ? 'RO' : 'RW', otherConfig: { owner: '' } }
  await plugIn(context, vm, { swap, vdi, signal })
}

/** Losing its mark makes a VM complete; all that follows is repeated by undoing its step. */
async function completeVm(
  context: ProtectContext,
  vm: Ref<'VM'>,
  { final, written }: { final: string; written: readonly RestoringDisk[] },
): Promise<void> {
  const { VM } = callsOf(context)
  await VM.remove_from_other_config(vm, restoringKey)
  await VM.remove_from_other_config(vm, ownerKey)
  await finishVm(context, vm, { final })
  for (const { ref, name } of written) await finishDisk(context, ref, { final: name })
}

/** Starts the VM. That it can't be is no failure of the restore, but something to know. */
async function start(
  { xapi }: ProtectContext,
  vm: Ref<'VM'>,
  { suspended, signal, notes }: Stoppable & { suspended: boolean; notes: ProtectNote[] },
): Promise<boolean> {
  const calls = xapi.client.async.VM
  try {
    await xapi.run(suspended ? calls.resume(vm, false, false) : calls.start(vm, false, false), { signal })
    return true
  } catch (error) {
    signal?.throwIfAborted()
    const text = error instanceof Error ? error.message : String(error)
    notes.push({ code: 'not-started', text: `The VM is restored and could not be started (${text}).` })
    return false
  }
}
