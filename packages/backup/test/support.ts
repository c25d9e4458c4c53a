import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import type { DiskSource, Extent } from '@nixen/disk'
import { LocalStorage, Repository, type KdfParameters } from '../src/index.ts'

/** A password's key in a few milliseconds: only for tests. */
export const cheapKdf: KdfParameters = { N: 1024, r: 8, p: 1 }
export const password = 'correct horse'

/** A directory that is removed when it is disposed of. */
export async function temporaryDirectory(): Promise<AsyncDisposable & { path: string }> {
  const directory = await mkdtemp(path.join(tmpdir(), 'nixen-backup-'))
  return {
    path: directory,
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  }
}

export function initRepository(directory: string): Promise<Repository> {
  return Repository.init(new LocalStorage(directory), { password, kdf: cheapKdf })
}

export function openRepository(directory: string): Promise<Repository> {
  return Repository.open(new LocalStorage(directory), { password })
}

/** Debian's restic on a repository; its standard output. */
export async function restic(directory: string, ...args: readonly string[]): Promise<Buffer> {
  const { stdout } = await promisify(execFile)('restic', ['--no-cache', ...args], {
    env: { ...process.env, RESTIC_PASSWORD: password, RESTIC_REPOSITORY: directory },
    encoding: 'buffer',
    maxBuffer: 1 << 30,
  })
  return stdout
}

const zeros = Buffer.alloc(65_536)

/** A disk in memory. Extents are the runs of zeros and data of its 64 KiB blocks. */
export function memoryDisk(bytes: Uint8Array): DiskSource & { bytes: Uint8Array } {
  return {
    bytes,
    size: bytes.length,
    async *extents(): AsyncGenerator<Extent> {
      const step = 65_536
      for (let offset = 0; offset < bytes.length; offset += step) {
        const block = bytes.subarray(offset, offset + step)
        yield { offset, length: block.length, kind: zeros.subarray(0, block.length).equals(block) ? 'zero' : 'data' }
      }
    },
    async read(offset, into) {
      into.set(bytes.subarray(offset, offset + into.length))
    },
    async [Symbol.asyncDispose]() {
      // Nothing is open.
    },
  }
}

/** Blocks of 64 KiB, by letter: `0` zero, `r` random, `t` text, others filled with that letter. Repeatable for one seed. */
export function diskOf(pattern: string, seed = 1): Uint8Array<ArrayBuffer> {
  const block = 65_536
  const bytes = new Uint8Array(pattern.length * block)
  let state = seed
  for (const [i, letter] of pattern.split('').entries()) {
    const part = bytes.subarray(i * block, (i + 1) * block)
    if (letter === '0') continue
    if (letter === 't') part.set(Buffer.from(`block ${i} of the disk ${seed}. `.repeat(4000)).subarray(0, block))
    else if (letter === 'r')
      for (let at = 0; at < block; at += 4)
        Buffer.from(part.buffer, part.byteOffset).writeUInt32LE(
          (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0),
          at,
        )
    else part.fill(letter.charCodeAt(0))
  }
  return bytes
}
