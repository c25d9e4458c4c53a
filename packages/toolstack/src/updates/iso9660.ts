import { viewOf } from '@nixen/core'
import type { DiskSource } from '@nixen/disk'

// ECMA-119, of which only the root directory is read: sectors of 2048 bytes, the primary volume descriptor in sector 16.

const sector = 2048
/** No directory or file that is looked for is larger. */
const limit = 4 * 1024 * 1024

interface Extent {
  readonly offset: number
  readonly length: number
}

/**
 * Reads a file of the root directory of an ISO 9660 image, whatever the case of its name. `undefined` when the directory has no such file.
 *
 * @throws RangeError when the disk holds no such image, or one that leads outside of the disk
 */
export async function readIsoFile(disk: DiskSource, name: string): Promise<Uint8Array | undefined> {
  const descriptor = await readExtent(disk, { offset: 16 * sector, length: sector })
  if (Buffer.from(descriptor.subarray(0, 6)).toString('latin1') !== '\u0001CD001')
    throw new RangeError('No ISO 9660 image')
  const root = await readExtent(disk, extentOf(descriptor.subarray(156)))
  for (const entry of entriesOf(root)) {
    if (entry.name.toLowerCase() === name.toLowerCase()) return await readExtent(disk, entry.extent)
  }
  return undefined
}

/** The files of a directory; records do not cross the border of a sector. */
function* entriesOf(directory: Uint8Array): Generator<{ name: string; extent: Extent }> {
  for (let at = 0; at + 33 < directory.length;) {
    const length = directory[at] ?? 0
    if (length === 0) {
      at = (Math.floor(at / sector) + 1) * sector
      continue
    }
    const record = directory.subarray(at, at + length)
    at += length
    const isFile = ((record[25] ?? 0) & 2) === 0
    // `UPDATE.XML;1`: a version follows the name.
    const name = Buffer.from(record.subarray(33, 33 + (record[32] ?? 0)))
      .toString('latin1')
      .replace(/\.?;\d+$/, '')
    if (isFile && record.length >= 34) yield { name, extent: extentOf(record) }
  }
}

/** Where the content of a directory record is. */
function extentOf(record: Uint8Array): Extent {
  const view = viewOf(record)
  return { offset: view.getUint32(2, true) * sector, length: view.getUint32(10, true) }
}

async function readExtent(disk: DiskSource, { offset, length }: Extent): Promise<Uint8Array> {
  if (length > limit || offset + length > disk.size) throw new RangeError('The image leads outside of the disk')
  const bytes = new Uint8Array(length)
  await disk.read(offset, bytes)
  return bytes
}
