import { transferErrors, type DiskId } from '@nixen/api'
import { messageOf, systemClock, systemRandom } from '@nixen/core'
import type { DiskStream } from '@nixen/disk'
import { importVdi, isXapiError, type Ref } from '@nixen/xapi'
import type { ActionTask } from '../../action/actions.ts'
import type { NewDiskImage, TransferActions } from '../../transfer/transfer-actions.ts'
import { idOf, refOf, withKeys, type XapiContext } from '../actions/context.ts'
import { makeDisk, makingKey } from '../actions/vm/new-disk.ts'
import { untilDetached } from '../protect/context.ts'
import { newMark } from '../protect/marks.ts'
import { encodeChunked, encodePadded } from './chunked.ts'

/** Makes a disk of a stream. Until all of it is there the disk bears a mark, by which it is found and removed when this is interrupted. */
export async function importDisk(
  context: XapiContext,
  { storage, name, description, disk }: NewDiskImage,
  task: ActionTask,
): Promise<DiskId> {
  const mark = newMark(systemRandom)
  const undo = await task.undo({
    kind: 'vm.destroyMarked',
    what: `Remove the half-imported disk ${name}`,
    data: { mark },
  })
  const sr = await refOf(context, storage, 'SR')
  const vdi = await makeDisk(context, { sr, size: roundedSize(disk.size), name, description, mark })
  const isImage = (await context.xapi.client.SR.get_content_type(sr)) === 'iso'
  await fill(context, vdi, { disk, asIs: isImage }, task)
  await unmark(context, vdi)
  await undo.forget()
  return await idOf(context, 'disk', { className: 'VDI', ref: vdi })
}

/** Hosts count in sectors. */
function roundedSize(size: number): number {
  return Math.ceil(size / 512) * 512
}

/** The disk is complete: it is no longer anybody's to remove. */
export async function unmark({ xapi }: XapiContext, vdi: Ref<'VDI'>): Promise<void> {
  const { VDI } = xapi.client
  await VDI.set_other_config(vdi, withKeys(await VDI.get_other_config(vdi), { [makingKey]: undefined }))
}

/** Writes a stream into a new disk: only its data, or byte by byte for an image, whose storage may know nothing else. */
export async function fill(
  { xapi, connection }: XapiContext,
  vdi: Ref<'VDI'>,
  { disk, asIs }: { readonly disk: DiskStream; readonly asIs: boolean },
  task: ActionTask,
): Promise<void> {
  const { signal } = task
  const length = asIs ? await xapi.client.VDI.get_virtual_size(vdi) : undefined
  const body =
    length === undefined ? encodeChunked(disk, { signal, zeros: false }) : encodePadded(disk, { length, signal })
  const host = { xapi, connection, clock: systemClock, random: systemRandom }
  try {
    await send(body, task, async (watched) => {
      await importVdi(xapi, vdi, watched, { format: 'raw', chunked: !asIs, length, signal })
    })
  } catch (error) {
    // The host holds the disk for a moment after a break; removing it needs it free. What fails here is told by the removal.
    await untilDetached(host, vdi).catch(() => undefined)
    throw error
  }
  await untilDetached(host, vdi, { signal })
}

/**
 * Writes over a disk. Where the storage can, a snapshot keeps what it held until all went well; a failure leaves that snapshot, and says so.
 */
export async function overwriteDisk(
  context: XapiContext,
  { id, disk }: Parameters<TransferActions['overwriteDisk']>[0],
  task: ActionTask,
): Promise<void> {
  const { xapi } = context
  const { VDI } = xapi.client
  const vdi = await refOf(context, id, 'VDI')
  const { virtual_size: size, name_label: name } = await VDI.get_record(vdi)
  if (size !== roundedSize(disk.size)) throw transferErrors.other_size({ disk: name, size, image: disk.size })
  const before = await snapshotOf(context, { vdi, name }, task)
  try {
    await send(encodeChunked(disk, { signal: task.signal, zeros: true }), task, async (watched) => {
      await importVdi(xapi, vdi, watched, { format: 'raw', chunked: true, signal: task.signal })
    })
  } catch (error) {
    task.log(
      before === undefined
        ? `"${name}" is half written.`
        : `"${name}" is half written. What it held is in its snapshot "${beforeName(name)}".`,
    )
    throw error
  }
  if (before !== undefined) await VDI.destroy(before)
}

const beforeName = (name: string): string => `${name} before the import`

async function snapshotOf(
  { xapi }: XapiContext,
  { vdi, name }: { readonly vdi: Ref<'VDI'>; readonly name: string },
  task: ActionTask,
): Promise<Ref<'VDI'> | undefined> {
  const { VDI } = xapi.client
  try {
    const snapshot = await VDI.snapshot(vdi)
    await VDI.set_name_label(snapshot, beforeName(name))
    return snapshot
  } catch (error) {
    if (!isXapiError(error)) throw error
    task.log(`What the disk holds could not be kept in a snapshot (${messageOf(error)}).`)
    return undefined
  }
}

/** Sends a stream; what reading it threw counts more than what the host says of its end. */
export async function send<T>(
  body: AsyncIterable<Uint8Array>,
  task: ActionTask,
  work: (watched: AsyncGenerator<Uint8Array>) => Promise<T>,
): Promise<T> {
  let failure: { readonly error: unknown } | undefined
  const iterator = body[Symbol.asyncIterator]()
  // What fails at its start never begins on the host, where a transfer without data would stay open for a while.
  const first = await iterator.next()
  const watched = async function* (): AsyncGenerator<Uint8Array> {
    try {
      for (let next = first; !next.done; next = await iterator.next()) yield next.value
    } catch (error) {
      failure = { error }
      throw error
    } finally {
      await iterator.return?.()
    }
  }
  try {
    return await work(watched())
  } catch (error) {
    task.signal.throwIfAborted()
    throw failure ? failure.error : error
  }
}
