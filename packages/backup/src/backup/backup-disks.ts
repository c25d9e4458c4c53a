import { availableParallelism } from 'node:os'
import { anySignal, Semaphore } from '@nixen/core'
import { BatchRing } from '../engine/feed-batches.ts'
import { ChunkPool } from '../engine/chunk-pool.ts'
import { backupErrors } from '../errors.ts'
import type { IndexWriter } from '../index/index-writer.ts'
import { lockRepository, type RepositoryLock } from '../lock/lock.ts'
import { defaultPackSize, type PackWriter } from '../pack/pack-writer.ts'
import type { Repository } from '../repository/repository.ts'
import { saveSnapshot, type Snapshot } from '../snapshot/snapshot.ts'
import type { NewTreeNode } from '../tree/node.ts'
import { localOwner, writeTree } from '../tree/write-tree.ts'
import { control } from '../worker/protocol.ts'
import type { BackupDisk, BackupRequest, BackupResult, DiskResult } from './backup-request.ts'
import { zeroBlobId, zeroBlobLength } from './chunk-grid.ts'
import { planDisk, type PlannedDisk } from './plan-disk.ts'
import { restoreReadme } from './readme.ts'
import { SlotContent } from './slot-content.ts'
import { storeFile } from './store-file.ts'

const progressEvery = 200
const namePattern = /^[A-Za-z0-9][A-Za-z0-9._ -]{0,200}$/

/** Backups through one opened repository take turns: they share its index. */
const turns = new WeakMap<Repository, Semaphore>()

/**
 * Makes a restore point. It exists, whole and durable, when this resolves; when it rejects, or the process dies, no earlier restore point is touched and
 * the next run just works.
 *
 * Errors: `backup.repository_locked`, `backup.lock_lost`, `backup.source_failed`, `backup.disk_too_large`, `backup.disk_name`,
 * `backup.read_only_version`, storage's.
 */
export async function backupDisks(repository: Repository, request: BackupRequest): Promise<BackupResult> {
  repository.assertWritable()
  const names = checkNames(request)
  let turn = turns.get(repository)
  if (!turn) turns.set(repository, (turn = new Semaphore(1)))
  using _turn = await turn.acquire({ signal: request.signal })
  if (request.lock) return run(repository, request, { names, lock: request.lock })
  await using lock = await lockRepository(repository, { signal: request.signal })
  return await run(repository, request, { names, lock })
}

interface Session {
  readonly repository: Repository
  readonly request: BackupRequest
  readonly signal: AbortSignal
  readonly lock: RepositoryLock
  readonly indexWriter: IndexWriter
  readonly packs: PackWriter
}

async function run(
  repository: Repository,
  request: BackupRequest,
  { names, lock }: { names: readonly string[]; lock: RepositoryLock },
): Promise<BackupResult> {
  const signal = anySignal(request.signal, lock.signal)
  signal.throwIfAborted()
  // After the lock: from here on nobody removes a pack that the index names.
  await repository.refreshIndex({ signal })
  const indexWriter = repository.indexWriter({ signal })
  const packs = repository.packWriter({ index: indexWriter, signal, targetSize: request.packSize ?? defaultPackSize })
  const session: Session = { repository, request, signal, lock, indexWriter, packs }
  try {
    return await backUp(session, names)
  } catch (error) {
    repository.index.dropUnplaced()
    throw error
  }
}

async function backUp(session: Session, names: readonly string[]): Promise<BackupResult> {
  const { repository, request, signal } = session
  const planned: PlannedDisk[] = []
  for (const [i, disk] of request.disks.entries()) {
    planned.push(await planDisk(repository, disk, { file: names[i] ?? '', signal }))
  }
  const totalBytes = planned.reduce((sum, { readBytes }) => sum + readBytes, 0)
  const chunks = planned.reduce((sum, { plan }) => sum + plan.read.length, 0)
  // Two threads may both prepare an entry for one id; only one of them is used.
  repository.index.reserve(chunks + 1024)
  const stored = await storeDisks(session, planned, totalBytes)
  const snapshot = await commit(session, planned)
  return {
    snapshot,
    disks: planned.map(({ file, plan, mode, reason, readBytes }): DiskResult => {
      return { file, size: plan.grid.diskSize, mode, reason, readBytes }
    }),
    readBytes: totalBytes,
    newBytes: stored.plainBytes,
    storedBytes: stored.storedBytes,
  }
}

/** Every chunk of every disk has its slot, and all packs are durable, when this resolves. */
async function storeDisks(
  session: Session,
  planned: readonly PlannedDisk[],
  totalBytes: number,
): Promise<{ plainBytes: number; storedBytes: number }> {
  const { repository, request, indexWriter } = session
  if (totalBytes === 0) return { plainBytes: 0, storedBytes: 0 }
  const failed = new AbortController()
  const signal = anySignal(session.signal, failed.signal)
  const workers = request.workers ?? Math.min(availableParallelism(), 8)
  await using pool = new ChunkPool(
    { repository, indexWriter },
    {
      workers,
      packTarget: request.packSize ?? defaultPackSize,
      maxChunk: Math.max(...planned.map(({ plan }) => plan.grid.chunkSize)),
      signal,
    },
  )
  let file = ''
  const report = (): void => {
    const doneBytes = Math.min(totalBytes, Atomics.load(pool.control, control.doneKiB) * 1024)
    try {
      request.progress?.({ file, totalBytes, doneBytes, storedBytes: pool.totals.storedBytes })
    } catch (error) {
      // A timer has nobody who would catch it.
      failed.abort(error)
    }
  }
  const timer = setInterval(report, progressEvery)
  try {
    for (const { disk, plan, file: name } of planned) {
      file = name
      if (plan.read.length > 0) await storeDisk(pool, { disk, plan, workers, signal, failed })
    }
    await pool.flush()
    report()
    return pool.totals
  } catch (error) {
    failed.abort(error)
    // What is durable is worth naming: the next try need not store it again.
    await indexWriter.flush().catch(() => undefined)
    throw error
  } finally {
    clearInterval(timer)
  }
}

async function storeDisk(
  pool: ChunkPool,
  options: {
    disk: BackupDisk
    plan: PlannedDisk['plan']
    workers: number
    signal: AbortSignal
    failed: AbortController
  },
): Promise<void> {
  const { disk, plan, workers, signal, failed } = options
  if (disk.rawFile !== undefined) return pool.run(disk.name, plan, { kind: 'file', path: disk.rawFile })
  const ring = new BatchRing(workers + 1, plan.grid.chunkSize)
  const running = pool.run(disk.name, plan, ring.input)
  const feeding = ring
    .feed(disk.source, plan, { disk: disk.name, control: pool.control, signal })
    .catch((error: unknown) => {
      failed.abort(error)
      throw error
    })
  const [fed, ran] = await Promise.allSettled([feeding, running])
  if (fed.status === 'rejected') throw fed.reason as Error
  if (ran.status === 'rejected') throw ran.reason as Error
}

/** Trees, index, snapshot, cache, in this order; each durable before the next begins (docs/format/repository.md, "Order of commits"). */
async function commit(session: Session, planned: readonly PlannedDisk[]): Promise<Snapshot> {
  const { repository, request, signal, lock, indexWriter, packs } = session
  const time = request.time ?? repository.clock.now()
  const base = { type: 'file', mode: 0o600, modified: time } as const
  const nodes: NewTreeNode[] = planned.map(({ file, plan }) => ({
    ...base,
    name: file,
    size: plan.grid.diskSize,
    content: new SlotContent(repository.index, plan.grid, plan.slots),
  }))
  if (planned.some(({ plan, file }) => new SlotContent(repository.index, plan.grid, plan.slots).usesZeroBlob && file)) {
    await storeZeroBlob(session)
  }
  const readme = restoreReadme(
    request.host,
    planned.map(({ file, plan }) => ({ name: file, size: plan.grid.diskSize })),
  )
  for (const { name, content } of [
    { name: 'vm.json', content: Buffer.from(`${JSON.stringify(request.vm, undefined, 2)}\n`) },
    { name: 'README-RESTORE.txt', content: Buffer.from(readme) },
    ...(request.files ?? []),
  ]) {
    nodes.push({ ...base, name, ...(await storeFile({ repository, packs }, content, signal)) })
  }
  await packs.flush()
  await request.onCommit?.('packs')
  const tree = await writeTree({ repository, packs }, nodes)
  await packs.flush()
  await request.onCommit?.('trees')
  await indexWriter.flush()
  await request.onCommit?.('index')
  // A restore point may only be made while nobody can have removed what it names.
  await lock.assertHeld()
  signal.throwIfAborted()
  const snapshot = await saveSnapshot(
    repository,
    {
      time,
      tree,
      hostname: request.host,
      username: localOwner().user,
      paths: [request.path ?? `/${request.host}`],
      tags: request.tags ?? [],
      parent: request.parent ?? request.disks.find(({ changed }) => changed)?.changed?.parent,
      programVersion: 'nixen',
    },
    { signal },
  )
  await request.onCommit?.('snapshot')
  await request.saveCache?.()
  await request.onCommit?.('cache')
  return snapshot
}

async function storeZeroBlob({ repository, packs }: Session): Promise<void> {
  if (repository.index.locate('data', zeroBlobId)) return
  await packs.add('data', zeroBlobId, new Uint8Array(zeroBlobLength))
}

/** File names of the disks; all names of a restore point are plain and different. Errors: `backup.disk_name`. */
function checkNames({ disks, files = [] }: BackupRequest): string[] {
  const names = disks.map(({ name, file }) => file ?? `disk-${name}.raw`)
  const taken = new Set(['vm.json', 'README-RESTORE.txt'])
  for (const name of [...names, ...files.map((file) => file.name)]) {
    if (!namePattern.test(name) || taken.has(name)) throw backupErrors.disk_name({ name })
    taken.add(name)
  }
  return names
}
