import { wholeNumber } from '../model/fields.ts'
import type { RecordHandler } from '../model/handler.ts'
import type { Model } from '../model/model.ts'
import type { VbdRow } from '../model/rows.ts'

/** `VBD`: a drive of a VM. */
export const vbdHandler: RecordHandler<'VBD'> = {
  put(model, ref, record) {
    const old = model.vbds.get(ref)
    const row: VbdRow = {
      uuid: record.uuid,
      vm: record.VM,
      vdi: record.empty ? null : record.VDI,
      kind: kinds[record.type] ?? 'disk',
      device: record.device,
      position: wholeNumber(record.userdevice),
      boot: record.bootable,
      readOnly: record.mode === 'RO',
      attached: record.currently_attached,
    }
    model.vbds.set(ref, row)
    relate(model, ref, old, row)
  },
  remove(model, ref) {
    const old = model.vbds.get(ref)
    model.vbds.delete(ref)
    relate(model, ref, old, undefined)
  },
}

const kinds: Readonly<Record<string, VbdRow['kind']>> = { Disk: 'disk', CD: 'cd', Floppy: 'floppy' }

function relate(model: Model, ref: string, old: VbdRow | undefined, row: VbdRow | undefined): void {
  model.vbdsOfVm.move(ref, old?.vm, row?.vm)
  model.vbdsOfVdi.move(ref, old?.vdi, row?.vdi)
  for (const { vm, vdi } of [old, row].filter((side) => side !== undefined)) {
    model.mark('VM', vm)
    model.mark('VDI', vdi)
  }
}
