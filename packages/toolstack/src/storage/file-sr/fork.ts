import { link, rename } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { newUuid } from '@nixen/core'
import { createLocalFile, newVhdUuid } from '@nixen/disk'
import type { CbtLogs } from '../cbt/cbt-logs.ts'
import { formatQcow2 } from '../qcow2/qcow2-layer.ts'
import { VhdFile } from '../vhd/vhd-file.ts'
import { syncDirectory } from './durable.ts'
import { Image } from './image.ts'
import { journaled } from './journal.ts'

/** A copy of a disk to be made, the way of snapshots and of clones. */
export interface Fork {
  readonly directory: string
  /** The disk. Nothing may write to it meanwhile. */
  readonly leaf: Image
  /** The copy. */
  readonly uuid: string
  /** Given when the copy takes the disk's log of changed blocks over. */
  readonly logs: CbtLogs | undefined
}

/** Moves the data of a disk to a new base, on which the disk and its copy stand empty. Returns the base, not yet part of a chain. */
export async function forkData({ directory, leaf, uuid, logs }: Fork): Promise<Image> {
  const { size, format, uuid: from } = leaf
  const base = newUuid()
  const path = join(directory, `${uuid}.${format}`)
  const image = new Image({ uuid: base, format, size, hidden: true }, join(directory, `${base}.${format}`))
  await journaled(directory, { kind: 'clone', leaf: from, base, child: uuid }, async () => {
    const below = { name: `${base}.${format}`, uuid: await leaf.use(async (layer) => layer.uuid) }
    await newChildren(directory, leaf, { parent: below, uuids: [from, uuid] })
    await logs?.prepareFork(from, uuid, size)
    await link(leaf.path, image.path)
    await syncDirectory(directory)
    // From here on the disk stands on the base.
    await rename(`${leaf.path}.new`, leaf.path)
    await rename(`${path}.new`, path)
    await logs?.commitFork(from, uuid)
    await syncDirectory(directory)
    await image.use((layer) => layer.setHidden(true))
  })
  return image
}

/** Makes the copy of a disk that holds nothing of its own: it stands on the same parent. */
export async function forkEmpty({ directory, leaf, uuid, logs }: Fork, parent: Image): Promise<void> {
  const path = join(directory, `${uuid}.${leaf.format}`)
  const below = { name: basename(parent.path), uuid: await parent.use(async (layer) => layer.uuid) }
  // There is no new base, so nothing but the child is taken back after a crash.
  await journaled(directory, { kind: 'clone', leaf: leaf.uuid, base: newUuid(), child: uuid }, async () => {
    await newChildren(directory, leaf, { parent: below, uuids: [uuid] })
    await logs?.prepareFork(leaf.uuid, uuid, leaf.size)
    await rename(`${path}.new`, path)
    await logs?.commitFork(leaf.uuid, uuid)
    await syncDirectory(directory)
  })
}

/** Empty images under the names `<uuid>.vhd.new`, complete and durable. */
async function newChildren(
  directory: string,
  { format, size }: Image,
  { parent, uuids }: { parent: { name: string; uuid: string }; uuids: readonly string[] },
): Promise<void> {
  for (const uuid of uuids) {
    const path = join(directory, `${uuid}.${format}.new`)
    await using file = await createLocalFile(path, { direct: false, replace: true })
    if (format === 'qcow2') await formatQcow2(file, { size, parent })
    else await VhdFile.format(file, { size, uuid: newVhdUuid(), parent })
    await file.commit()
  }
}
