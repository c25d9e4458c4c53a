import { createHash } from 'node:crypto'
import { seededRandom } from '@nixen/core'
import { digestsOf, openRepository } from '@nixen/testkit/restic-fixture'
import {
  backupDisks,
  checkRepository,
  copyPoints,
  executeForget,
  listSnapshots,
  planForget,
  prune,
  type Repository,
  type Storage,
} from '../../src/index.ts'
import { memoryDisk } from '../support.ts'

/** Bytes of the disk that the examples back up: 24 chunks of 64 KiB blocks, a third of them zeros. */
const diskSize = 3 * 1024 * 1024
const block = 65_536
export const packSize = 512 * 1024

/** The disk as it is on some day: repeatable, and a few blocks differ from the day before. */
export function diskOn(day: number): Uint8Array {
  const disk = new Uint8Array(diskSize)
  for (let at = 0; at < diskSize; at += block) if ((at / block) % 3 !== 0) fill(disk, at, at)
  for (let past = 1; past <= day; past++) {
    const random = seededRandom(past)
    for (let i = 0; i < 5; i++) fill(disk, Math.floor((random() * diskSize) / block) * block, past * 1000 + i)
  }
  return disk
}

function fill(disk: Uint8Array, at: number, seed: number): void {
  let state = (seed * 2_654_435_761 + 1) >>> 0
  const words = new Uint32Array(disk.buffer, at, block / 4)
  for (let i = 0; i < words.length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    // Half of each block compresses.
    words[i] = i % 2 === 0 ? state : 0x6e69_7865
  }
}

export type Operation = 'backup' | 'forget' | 'prune' | 'copy'

export const operations: readonly Operation[] = ['backup', 'forget', 'prune', 'copy']

/** Does one thing to a repository. `day` says which disk is backed up. */
export async function operate(
  operation: Operation,
  target: { repository: Repository; mirror?: Repository },
  day: number,
): Promise<void> {
  const { repository, mirror } = target
  switch (operation) {
    case 'backup':
      await backupDisks(repository, {
        host: 'vm',
        vm: { day },
        time: Date.UTC(2026, 0, 1) + day * 86_400_000,
        disks: [{ name: 'a', source: memoryDisk(diskOn(day)) }],
        workers: 2,
        packSize,
      })
      return
    case 'forget':
      await executeForget(repository, planForget(await listSnapshots(repository), { last: 3 }, Date.UTC(2030, 0, 1)))
      return
    case 'prune':
      await prune(repository, { maxUnused: 0, packSize })
      return
    case 'copy':
      if (mirror) await copyPoints(repository, mirror, { packSize })
  }
}

/** What a repository must never lose: SHA-256 of the disk of each day. */
export function expectedDigest(day: number): string {
  return createHash('sha256').update(diskOn(day)).digest('hex')
}

/**
 * What is wrong with a repository that a crash left behind; empty when every restore point in it is whole, bit by bit, and the check finds nothing.
 * `must` are the days that have to be there.
 */
export async function faultsOf(storage: Storage, must: readonly number[]): Promise<string[]> {
  const faults: string[] = []
  const repository = await openRepository(storage)
  const check = await checkRepository(repository, { lock: false, headers: false })
  faults.push(...check.findings.filter(({ severity }) => severity === 'error').map(({ message }) => message))
  if (faults.length > 0) return faults
  await repository.loadIndex()
  const days = new Set<number>()
  for (const point of await listSnapshots(repository)) {
    const day = Math.round((point.time - Date.UTC(2026, 0, 1)) / 86_400_000)
    days.add(day)
    const digests = await digestsOf(repository, point).catch((error: unknown) => ({ '/disk-a.raw': String(error) }))
    if (digests['/disk-a.raw'] !== expectedDigest(day))
      faults.push(`the disk of day ${day} is not what it was: ${digests['/disk-a.raw']}`)
  }
  for (const day of must) if (!days.has(day)) faults.push(`day ${day} is gone`)
  return faults
}
