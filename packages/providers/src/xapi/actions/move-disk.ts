import type { Records, Ref } from '@nixen/xapi'
import type { ActionTask } from '../../action/actions.ts'
import { follow, type XapiContext } from './context.ts'

/** A drive as it was, in plain JSON. */
export type Drive = Pick<
  Records['VBD'],
  'VM' | 'userdevice' | 'bootable' | 'mode' | 'type' | 'unpluggable' | 'other_config'
>

/** What has to be known to undo a move. */
export interface MovedDisk {
  readonly original: Ref<'VDI'>
  readonly copy: Ref<'VDI'>
  readonly drives: readonly Drive[]
}

/**
 * Moves a disk that no running VM uses: it is copied whole, then its drives get the copy, then the original goes. Until the last step
 * the original is there, and what was done can be taken back.
 */
export async function moveDisk(
  context: XapiContext,
  { vdi, sr }: { readonly vdi: Ref<'VDI'>; readonly sr: Ref<'SR'> },
  task: ActionTask,
): Promise<Ref<'VDI'>> {
  const { VDI, VBD } = context.xapi.client
  const vbds = await VDI.get_VBDs(vdi)
  const drives = await drivesOf(context, vbds)
  const copy = await follow(context, context.xapi.client.async.VDI.copy(vdi, sr), task)
  const undo = await task.undo({
    kind: 'vdi.moveBack',
    what: 'Give the drives their disk back and remove its copy',
    data: { original: vdi, copy, drives },
  })
  for (const [index, vbd] of vbds.entries()) {
    const drive = drives[index]
    if (!drive) continue
    // The place has to be free before the copy can take it.
    await VBD.destroy(vbd)
    await plug(context, drive, copy)
  }
  await VDI.destroy(vdi)
  await undo.forget()
  return copy
}

/** Takes a move back. An original that is gone means that the move was through: the copy stays then. */
export async function moveBack(context: XapiContext, { original, copy, drives }: MovedDisk): Promise<void> {
  const { VDI } = context.xapi.client
  await VDI.get_uuid(original)
  await putBack(context, { original, copy, drives })
  if ((await VDI.get_VBDs(copy)).length === 0) await VDI.destroy(copy)
}

/** Attaches a disk as it was, where its place is free or taken by the copy. */
export async function putBack(
  context: XapiContext,
  { original, copy, drives }: Pick<MovedDisk, 'original' | 'drives'> & { readonly copy?: Ref<'VDI'> },
): Promise<void> {
  const { VM, VBD } = context.xapi.client
  for (const drive of drives) {
    const places = await Promise.all(
      (await VM.get_VBDs(drive.VM)).map(async (ref) => [ref, await VBD.get_record(ref)] as const),
    )
    const taken = places.find(([, { userdevice }]) => userdevice === drive.userdevice)
    if (taken?.[1].VDI === original) continue
    if (copy !== undefined && taken?.[1].VDI === copy) await VBD.destroy(taken[0])
    // Something else that took the place meanwhile stays.
    else if (taken) continue
    await plug(context, drive, original)
  }
}

async function plug({ xapi }: XapiContext, drive: Drive, vdi: Ref<'VDI'>): Promise<void> {
  await xapi.client.VBD.create({
    ...drive,
    VDI: vdi,
    // As they came from the host.
    mode: drive.mode as 'RO' | 'RW',
    type: drive.type as 'Disk' | 'CD',
    empty: false,
    qos_algorithm_type: '',
    qos_algorithm_params: {},
  })
}

/** What has to be known of drives to make them again. */
export async function drivesOf({ xapi }: XapiContext, vbds: readonly Ref<'VBD'>[]): Promise<readonly Drive[]> {
  return await Promise.all(vbds.map(async (vbd) => driveOf(await xapi.client.VBD.get_record(vbd))))
}

function driveOf({ VM, userdevice, bootable, mode, type, unpluggable, other_config }: Records['VBD']): Drive {
  return { VM, userdevice, bootable, mode, type, unpluggable, other_config }
}
