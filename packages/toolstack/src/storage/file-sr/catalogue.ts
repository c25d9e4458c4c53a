import { readdir, stat } from 'node:fs/promises'
import { join, parse } from 'node:path'
import { forEachConcurrent, isUuid, messageOf, type Log } from '@nixen/core'
import { openLocalFile, parentNames } from '@nixen/disk'
import { readQcow2Front } from '../qcow2/qcow2-layer.ts'
import { readFront } from '../vhd/vhd-file.ts'
import type { VdiFormat } from '../storage-port.ts'
import { Image, type ImageFacts } from './image.ts'

const formatOf: Readonly<Record<string, VdiFormat>> = { '.vhd': 'vhd', '.raw': 'raw', '.qcow2': 'qcow2' }

/** What is in the directory of an SR. */
export interface Catalogue {
  readonly images: Map<string, Image>
  /** UUIDs that have a log of changed blocks. */
  readonly logs: Set<string>
}

/** Reads the head of each image. One that can't be read is left out, and said so. */
export async function readCatalogue(directory: string, log: Log): Promise<Catalogue> {
  const images = new Map<string, Image>()
  const parents = new Map<string, string>()
  const logs = new Set<string>()
  await forEachConcurrent(await readdir(directory), 16, async (file) => {
    const { name: uuid, ext } = parse(file)
    if (!isUuid(uuid)) return
    if (ext === '.cbtlog') logs.add(uuid)
    const format = formatOf[ext]
    if (!format) return
    const path = join(directory, file)
    try {
      const facts = await readFacts(path, uuid, format)
      const image = new Image(facts, path)
      image.utilisation = (await stat(path)).blocks * 512
      images.set(uuid, image)
      if (facts.parent !== undefined) parents.set(uuid, facts.parent)
    } catch (error) {
      log.warn('an image of the SR can not be read', { path, error: messageOf(error) })
    }
  })
  for (const [child, parent] of parents) images.get(child)?.setParent(images.get(parent))
  dropOrphans(images, parents, log)
  return { images, logs }
}

/** An image whose parent is missing can't be read: it is left alone, and not shown. */
function dropOrphans(images: Map<string, Image>, parents: ReadonlyMap<string, string>, log: Log): void {
  for (const image of images.values()) {
    if (!parents.has(image.uuid) || image.parent) continue
    log.warn('the parent of an image is missing', { path: image.path, parent: parents.get(image.uuid) ?? '' })
    dropTree(image, images)
  }
}

function dropTree(image: Image, images: Map<string, Image>): void {
  if (!images.delete(image.uuid)) return
  for (const child of image.children) dropTree(child, images)
}

async function readFacts(path: string, uuid: string, format: VdiFormat): Promise<ImageFacts> {
  await using file = await openLocalFile(path, { direct: false })
  if (format === 'raw') return { uuid, format, size: await file.size(), hidden: false, parent: undefined }
  if (format === 'qcow2') {
    const { size, hidden, parent } = await readQcow2Front(file)
    return { uuid, format, size, hidden, parent: parent && parse(parent.name).name }
  }
  const { footer, hidden, header } = await readFront(file)
  const [name] = footer.type === 'differencing' ? await parentNames(file, header) : []
  return { uuid, format, size: footer.size, hidden, parent: name === undefined ? undefined : parse(name).name }
}
