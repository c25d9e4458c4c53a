import { isAppError, messageOf } from '@nixen/core'
import { parseKeyFile } from '../crypto/key-file.ts'
import { BlobIndex } from '../index/blob-index.ts'
import { decodeIndex } from '../index/index-file.ts'
import { sha256Hex } from '../pack/blob-codec.ts'
import { decodeConfig } from '../repository/config.ts'
import type { Repository, SignalOption } from '../repository/repository.ts'
import { decodeSnapshot, type Snapshot } from '../snapshot/snapshot.ts'
import type { FileId, FileKind } from '../storage/storage.ts'
import { fileName, type Finding } from './finding.ts'

/** Takes findings as they come. */
export type Report = (finding: Finding) => void

/** Reads a file, and reports what is wrong with it; `undefined` then. A file that went away meanwhile is no fault. */
async function examine<T>(file: FileId, report: Report, read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read()
  } catch (error) {
    if (!isAppError(error)) throw error
    if (error.code === 'storage.not_found') return undefined
    // A storage that does not answer says nothing about the repository: the check can't go on.
    if (error.retryable || error.code === 'storage.denied') throw error
    const problem = error.code === 'backup.file_damaged' ? 'file_damaged' : 'unreadable'
    report({ severity: 'error', problem, file, message: messageOf(error), blobs: [], affects: [] })
    return undefined
  }
}

async function namesOf(repository: Repository, kind: FileKind, options: SignalOption): Promise<string[]> {
  const names: string[] = []
  for await (const { name } of repository.storage.list(kind, options)) names.push(name)
  return names.sort()
}

/** The configuration, all key files and all locks: each bit of them. */
export async function checkSmallFiles(repository: Repository, report: Report, options: SignalOption): Promise<void> {
  const { storage } = repository
  const config = { kind: 'config', name: '' } as const
  await examine(config, report, async () => {
    decodeConfig(await repository.loadUnpacked('config', '', options), storage.properties.location)
  })
  for (const name of await namesOf(repository, 'key', options)) {
    const file = { kind: 'key', name } as const
    await examine(file, report, async () => {
      const bytes = await storage.load(file, options)
      if (sha256Hex(bytes) === name) return void parseKeyFile(name, bytes)
      const message = `The ${fileName(file)} does not have the SHA-256 it is named by: its password may not work any more.`
      report({ severity: 'error', problem: 'file_damaged', file, message, blobs: [], affects: [] })
    })
  }
  for (const name of await namesOf(repository, 'lock', options)) {
    await examine({ kind: 'lock', name }, report, () => repository.loadUnpacked('lock', name, options))
  }
}

/** All restore points that can be read, oldest first. */
export async function checkSnapshots(
  repository: Repository,
  report: Report,
  options: SignalOption,
): Promise<Snapshot[]> {
  const snapshots: Snapshot[] = []
  for (const name of await namesOf(repository, 'snapshot', options)) {
    const snapshot = await examine({ kind: 'snapshot', name }, report, async () =>
      decodeSnapshot(name, await repository.loadUnpacked('snapshot', name, options)),
    )
    if (snapshot) snapshots.push(snapshot)
  }
  return snapshots.sort((a, b) => a.time - b.time)
}

/** The index, made of all index files that can be read; it becomes the one of `repository`. */
export async function checkIndex(repository: Repository, report: Report, options: SignalOption): Promise<BlobIndex> {
  const index = new BlobIndex()
  const names = new Set<string>()
  for (const name of await namesOf(repository, 'index', options)) {
    const file = { kind: 'index', name } as const
    await examine(file, report, async () => {
      const decoded = decodeIndex(await repository.loadUnpacked('index', name, options))
      if ('reason' in decoded) {
        const message = `The ${fileName(file)} can't be read: ${decoded.reason}.`
        return report({ severity: 'error', problem: 'file_damaged', file, message, blobs: [], affects: [] })
      }
      names.add(name)
      for (const pack of decoded.packs) for (const blob of pack.blobs) index.add(pack.id, blob)
    })
  }
  repository.useIndex(index, names)
  return index
}
