import type { ResourceId } from '@nixen/api'
import { exportVdi, importVm as importXva } from '@nixen/xapi'
import type { ActionResult, ActionTask } from '../../action/actions.ts'
import type { NewVmFile, TransferActions } from '../../transfer/transfer-actions.ts'
import { idOf, refOf, type XapiContext } from '../actions/context.ts'
import { exportWhole } from '../protect/export-source.ts'
import type { ProtectContext } from '../protect/context.ts'
import { describeVm, exportVm } from './export-vm.ts'
import { importDisk, overwriteDisk, send } from './import-disk.ts'
import { makeVm } from './make-vm.ts'

export interface TransferContext {
  readonly context: XapiContext
  readonly protect: ProtectContext
  /** Makes an error of the contract of what a host refuses with. */
  readonly translate: (error: unknown) => unknown
}

/** Imports and exports of a pool. */
export function xapiTransfer({ context, protect, translate }: TransferContext): TransferActions {
  const asked = async <T>(task: ActionTask | undefined, work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      if (task?.signal.aborted) throw task.signal.reason
      throw translate(error)
    }
  }
  const translated = async function* (task: ActionTask, bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    try {
      yield* bytes
    } catch (error) {
      if (task.signal.aborted) throw task.signal.reason
      throw translate(error)
    }
  }
  return {
    exportVm: (request, task) => translated(task, exportVm(context, request, task)),
    importVm: async (request, task) => await asked(task, async () => await importVm(context, request, task)),
    describeVm: async (id) => await asked(undefined, async () => await describeVm(context, id)),
    diskFormats: ['raw', 'vhd'],
    exportDisk: async ({ id, format }, task) =>
      await asked(task, async () => {
        const vdi = await refOf(context, id, 'VDI')
        const size = await context.xapi.client.VDI.get_virtual_size(vdi)
        const onProgress = (progress: number): void => task.progress(progress)
        const form = format === 'vhd' ? 'vhd' : 'raw'
        const bytes = exportVdi(context.xapi, vdi, { format: form, signal: task.signal, onProgress })
        return { bytes: translated(task, bytes), size, length: form === 'raw' ? size : undefined }
      }),
    readDisk: async (id, task) =>
      await asked(task, async () => {
        const vdi = await refOf(context, id, 'VDI')
        const { virtual_size: size, name_label: name } = await context.xapi.client.VDI.get_record(vdi)
        return await exportWhole(protect, { vdi, name, size }, { signal: task.signal })
      }),
    importDisk: async (request, task) => await asked(task, async () => await importDisk(context, request, task)),
    overwriteDisk: async (request, task) => await asked(task, async () => await overwriteDisk(context, request, task)),
    makeVm: async (request, task) => await asked(task, async () => await makeVm(context, request, task)),
  }
}

/** The host makes the VM, and removes by itself what it made when the stream breaks. */
async function importVm(
  context: XapiContext,
  { storage, body, length, name, check }: NewVmFile,
  task: ActionTask,
): Promise<ActionResult> {
  const { xapi } = context
  const sr = await refOf(context, storage, 'SR')
  const vms = await send(body, task, async (watched) => {
    const options = { sr, signal: task.signal, ...(length === undefined ? {} : { length }) }
    return await importXva(xapi, watched, options)
  })
  const undo = await task.undo({ kind: 'vm.destroyVms', what: 'Remove the imported VM', data: { vms } })
  // A host stops at the end of the archive; what follows it belongs to the file all the same.
  await check()
  const made: ResourceId[] = []
  for (const vm of vms) {
    if (name !== undefined && made.length === 0) await xapi.client.VM.set_name_label(vm, name)
    const isTemplate = await xapi.client.VM.get_is_a_template(vm)
    made.push(await idOf(context, isTemplate ? 'template' : 'vm', { className: 'VM', ref: vm }))
  }
  await undo.forget()
  return { made }
}
