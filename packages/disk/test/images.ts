import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { seededRandom, type Random } from '@nixen/core'
import type { DiskSource, Extent } from '../src/index.ts'

const run = promisify(execFile)

/** A directory that is removed at the end of a test: `await using dir = await scratch()`. */
export async function scratch(): Promise<AsyncDisposable & { readonly path: string; file(name: string): string }> {
  const path = await mkdtemp(join(tmpdir(), 'nixen-disk-'))
  return {
    path,
    file: (name) => join(path, name),
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  }
}

/** Runs qemu-img and gives what it printed; throws with its message when it fails. */
export async function qemuImg(...args: readonly string[]): Promise<string> {
  const { stdout } = await run('qemu-img', [...args])
  return stdout
}

/** Runs qemu-io's commands on an image. */
export async function qemuIo(image: string, ...commands: readonly string[]): Promise<string> {
  const { stdout } = await run('qemu-io', [...commands.flatMap((command) => ['-c', command]), image])
  return stdout
}

/** How qemu calls our formats. */
export const qemuNames: Readonly<Record<string, string>> = {
  raw: 'raw',
  vhd: 'vpc',
  qcow2: 'qcow2',
  vhdx: 'vhdx',
  vmdk: 'vmdk',
}

/** Random sparse content: runs of zeros, of random bytes and of text, on no grid, so that units are partly filled. */
export function sparseBytes(size: number, seed: number): Uint8Array<ArrayBuffer> {
  const random = seededRandom(seed)
  const bytes = new Uint8Array(size)
  for (let at = 0; at < size;) {
    // Log-uniform from 1 byte to 1 MiB.
    const length = Math.min(size - at, Math.ceil(2 ** (random() * 20)))
    const kind = random()
    if (kind > 0.75) fillRandom(bytes.subarray(at, at + length), random)
    else if (kind > 0.5) bytes.fill(1 + Math.floor(random() * 255), at, at + length)
    at += length
  }
  return bytes
}

function fillRandom(bytes: Uint8Array, random: Random): void {
  for (let i = 0; i < bytes.length; i++) bytes[i] = random() * 256
}

const zeros = Buffer.alloc(512)

/** A disk in memory that says honestly, or vaguely, where its data is. */
export function memoryDisk(bytes: Uint8Array, { vague = false }: { vague?: boolean } = {}): DiskSource {
  return {
    size: bytes.length,
    async *extents(): AsyncGenerator<Extent> {
      if (vague && bytes.length > 0) return yield { offset: 0, length: bytes.length, kind: 'data' }
      const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
      for (let at = 0; at < bytes.length; at += 512) {
        const sector = whole.subarray(at, at + 512)
        yield {
          offset: at,
          length: sector.length,
          kind: sector.equals(zeros.subarray(0, sector.length)) ? 'zero' : 'data',
        }
      }
    },
    async read(offset, into) {
      into.set(bytes.subarray(offset, offset + into.length))
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

/** All bytes of a disk. */
export async function bytesOf(disk: DiskSource): Promise<Uint8Array> {
  const bytes = new Uint8Array(disk.size)
  await disk.read(0, bytes)
  return bytes
}

/** A stream of an array in parts of odd lengths, as networks cut it. */
export async function* inParts(bytes: Uint8Array, seed = 1): AsyncGenerator<Uint8Array> {
  const random = seededRandom(seed)
  for (let at = 0; at < bytes.length;) {
    const length = Math.ceil(random() * 100_000)
    yield bytes.subarray(at, at + length)
    at += length
  }
}
