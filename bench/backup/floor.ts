import { hash, randomBytes } from 'node:crypto'
import { constants, zstdCompressSync } from 'node:zlib'
import { Sealer } from '@nixen/backup'
import { alignedBuffers, openDisk } from '@nixen/disk'

const chunk = 1024 * 1024

/**
 * CPU seconds that no backup of this image in this format can do without: SHA-256 of each chunk that is not zero, zstd -1 of each that is compressible, sealing of
 * what is stored, SHA-256 of the packs. One thread, buffers that are warm, no input or output counted.
 */
export async function floorSeconds(image: string): Promise<number> {
  await using source = await openDisk(image, { format: 'raw' })
  const [buffer] = alignedBuffers(1, chunk)
  if (!buffer) return 0
  const zeros = new Uint8Array(chunk)
  const sealer = new Sealer({ encrypt: randomBytes(32), macK: randomBytes(16), macR: randomBytes(16) })
  const out = new Uint8Array(chunk * 2)
  let microseconds = 0
  const timed = <T>(work: () => T): T => {
    const before = process.cpuUsage()
    const result = work()
    const { user, system } = process.cpuUsage(before)
    microseconds += user + system
    return result
  }
  for (let offset = 0; offset < source.size; offset += chunk) {
    const content = buffer.subarray(0, Math.min(chunk, source.size - offset))
    await source.read(offset, content)
    if (Buffer.compare(content, zeros.subarray(0, content.length)) === 0) continue
    const compressed = zstdCompressSync(content, { params })
    const incompressible = compressed.length > content.length * 0.97
    timed(() => {
      hash('sha256', content, 'buffer')
      const stored = incompressible ? content : zstdCompressSync(content, { params })
      const length = sealer.sealInto(stored, out)
      hash('sha256', out.subarray(0, length), 'buffer')
    })
  }
  return microseconds / 1e6
}

const params = { [constants.ZSTD_c_compressionLevel]: 1 }
