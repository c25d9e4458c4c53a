import { seededRandom } from '@nixen/core'

/** `size` bytes with stretches of zeros, of one value and of noise, the same for a seed. Stretches begin at multiples of `grain`. */
export function sparseBytes(size: number, seed: number, grain = 4096): Uint8Array<ArrayBuffer> {
  const random = seededRandom(seed)
  const bytes = new Uint8Array(size)
  for (let offset = 0; offset < size;) {
    const end = Math.min(size, offset + grain * (1 + Math.floor(random() * 24)))
    const kind = random()
    if (kind > 0.75) bytes.fill(1 + Math.floor(random() * 255), offset, end)
    else if (kind > 0.4) noise(bytes.subarray(offset, end), random)
    offset = end
  }
  return bytes
}

function noise(bytes: Uint8Array, random: () => number): void {
  for (let i = 0; i < bytes.length; i++) bytes[i] = random() * 256
}
