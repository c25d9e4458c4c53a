import { randomBytes } from 'node:crypto'
import { BlobIndex } from '@nixen/backup'

/** MiB of index memory for one TiB of unique chunks of 1 MiB. */
export function indexMiBPerTiB(): number {
  const index = new BlobIndex()
  const chunks = 1024 * 1024
  let pack = ''
  for (let i = 0; i < chunks; i++) {
    if (i % 24 === 0) pack = randomBytes(32).toString('hex')
    const id = randomBytes(32).toString('hex')
    index.add(pack, { type: 'data', id, offset: (i % 24) * 700_000, length: 700_000, uncompressedLength: 1_048_576 })
  }
  return index.bytes / 1024 / 1024
}
