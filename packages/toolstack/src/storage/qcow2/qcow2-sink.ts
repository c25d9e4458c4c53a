import { randomBytes } from 'node:crypto'
import { rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { createLocalFile, type DiskSink } from '@nixen/disk'
import { Gate } from '../locks.ts'
import { Image } from '../file-sr/image.ts'
import { LiveDisk } from '../file-sr/live-disk.ts'
import { syncDirectory } from '../file-sr/durable.ts'
import { formatQcow2 } from './qcow2-layer.ts'

/** Makes a qcow2 with the tables of this SR's files. It has its name when `finish` has resolved. */
export async function createQcow2(path: string, size: number): Promise<DiskSink> {
  const beside = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.partial`)
  {
    await using file = await createLocalFile(beside, { direct: false })
    await formatQcow2(file, { size })
    await file.commit()
  }
  const disk = new LiveDisk(basename(path), new Gate())
  await disk.rebind([new Image({ uuid: basename(path), format: 'qcow2', size, hidden: false }, beside)])
  return {
    size,
    order: 'any',
    write: (offset, bytes, options) => disk.write(offset, bytes, options),
    zero: (offset, length, options) => disk.zero(offset, length, options),
    async finish() {
      await disk.flush()
      await rename(beside, path)
      await syncDirectory(dirname(path))
    },
    async [Symbol.asyncDispose]() {
      await disk[Symbol.asyncDispose]()
      await rm(beside, { force: true })
    },
  }
}
