import { anySignal, type Random } from '@nixen/core'
import { lockForReading } from '../lock/reader-lock.ts'
import { Repository, type SignalOption } from '../repository/repository.ts'
import type { Snapshot } from '../snapshot/snapshot.ts'
import { ForwardingStorage } from '../storage/decorators/forwarding.ts'
import type { FileId, LoadOptions } from '../storage/storage.ts'
import { findAffected } from './affected.ts'
import { checkIndex, checkSmallFiles, checkSnapshots } from './check-files.ts'
import { checkPackHeaders, checkPackList, readPacks } from './check-packs.ts'
import { checkTrees } from './check-trees.ts'
import type { Affected, Finding } from './finding.ts'
import { PackGroups } from './pack-groups.ts'
import { choosePacks, type ReadData } from './subset.ts'

export type CheckPhase = 'files' | 'headers' | 'trees' | 'data'

export interface CheckProgress {
  readonly phase: CheckPhase
  readonly done: number
  readonly total: number
}

export interface CheckOptions extends SignalOption {
  /** How much of the data is read; none when left out. */
  readonly read?: ReadData
  /** Whether the header of each pack is compared with the index even if the pack is not read; yes when left out. Two requests a pack. */
  readonly headers?: boolean
  /** Whether a shared lock keeps prunes away meanwhile; yes when left out. Without, and where no lock can be written, nothing is written at all. */
  readonly lock?: boolean
  /** Threads that verify packs; one a processor when left out, and none for a few MiB. */
  readonly workers?: number
  readonly random?: Random
  readonly progress?: (progress: CheckProgress) => void
}

/** What a check found; plain data for printing and `--json`. */
export interface CheckResult {
  /** Whether there is no finding of severity `error`. */
  readonly ok: boolean
  readonly findings: readonly Finding[]
  readonly snapshots: number
  readonly packs: number
  readonly blobs: number
  /** Blobs (`data:<id>`, `tree:<id>`) of which no whole copy is left; what `repairSnapshots` works with. */
  readonly lost: readonly string[]
  /** Packs of which every byte was read, and their bytes. */
  readonly read: { readonly packs: number; readonly bytes: number }
}

/**
 * Looks for damage, and repairs nothing. Every finding names the file of the repository, and what restore points lost by it. Reads from the store
 * itself, never from a cache. Restore points are listed before indexes, and indexes before packs, so that backups that run meanwhile do no harm.
 *
 * Errors: those of a storage that does not answer; `backup.repository_locked` while a prune runs.
 */
export async function checkRepository(repository: Repository, options: CheckOptions = {}): Promise<CheckResult> {
  await using lock = options.lock === false ? undefined : await lockForReading(repository, options)
  return new Check(uncached(repository), { ...options, signal: anySignal(options.signal, lock?.signal) }).run()
}

class Check {
  readonly #repository: Repository
  readonly #options: CheckOptions
  readonly #findings: Finding[] = []

  constructor(repository: Repository, options: CheckOptions) {
    this.#repository = repository
    this.#options = options
  }

  async run(): Promise<CheckResult> {
    const { signal, read = { kind: 'none' }, headers = true, random } = this.#options
    const repository = this.#repository
    const report = (finding: Finding): void => void this.#findings.push(finding)
    this.#tell('files', 0, 1)
    await checkSmallFiles(repository, report, { signal })
    const snapshots = await checkSnapshots(repository, report, { signal })
    const index = await checkIndex(repository, report, { signal })
    const packs = new Map<string, number>()
    for await (const { name, size } of repository.storage.list('data', { signal })) packs.set(name, size)
    const groups = new PackGroups(index)
    const state = { repository, groups, packs, report }
    checkPackList(state)
    this.#tell('files', 1, 1)
    const { lost } = await checkTrees(
      repository,
      { snapshots, report },
      { signal, progress: (done) => this.#tell('trees', done, snapshots.length) },
    )
    const chosen = choosePacks(packs, read, random)
    const isRead = new Set(chosen)
    const others = headers ? [...packs.keys()].filter((pack) => !isRead.has(pack)) : []
    await checkPackHeaders(state, others, { signal, progress: this.#counter('headers', others.length, () => 1) })
    const bytes = chosen.reduce((sum, pack) => sum + (packs.get(pack) ?? 0), 0)
    const { workers } = this.#options
    await readPacks(state, chosen, { signal, workers, progress: this.#counter('data', bytes, (size) => size) })
    const gone = this.#gone(lost)
    const findings = await this.#withAffected(gone, snapshots)
    return {
      ok: findings.every(({ severity }) => severity !== 'error'),
      findings,
      snapshots: snapshots.length,
      packs: packs.size,
      blobs: index.size,
      lost: [...gone],
      read: { packs: chosen.length, bytes },
    }
  }

  /** Blobs that are lost: what trees need and nobody has, and what findings say is bad in every copy. */
  #gone(lost: ReadonlySet<string>): Set<string> {
    const gone = new Set<string>(lost)
    const bad = copiesIn(this.#findings)
    for (const { severity, blobs } of this.#findings) {
      if (severity !== 'error') continue
      for (const blob of blobs) if (!gone.has(blob) && !this.#hasGoodCopy(blob, bad)) gone.add(blob)
    }
    return gone
  }

  /** Adds to each finding which restore points lost something by it. */
  async #withAffected(gone: ReadonlySet<string>, snapshots: readonly Snapshot[]): Promise<Finding[]> {
    if (gone.size === 0) return this.#findings
    const affected = await findAffected(this.#repository, { snapshots, lost: gone }, this.#options)
    const of = (blobs: readonly string[]): Affected[] => blobs.flatMap((blob) => affected.get(blob) ?? [])
    return this.#findings.map((finding) =>
      finding.blobs.length > 0 ? Object.assign({}, finding, { affects: of(finding.blobs) }) : finding,
    )
  }

  #hasGoodCopy(blob: string, bad: ReadonlySet<string>): boolean {
    const tree = blob.startsWith('tree:')
    return this.#repository.index
      .locateAll(tree ? 'tree' : 'data', blob.slice(5))
      .some(({ pack }) => !bad.has(`${blob} ${pack}`))
  }

  #counter(phase: CheckPhase, total: number, weigh: (size: number) => number): (size: number) => void {
    let done = 0
    return (size) => {
      done += weigh(size)
      this.#tell(phase, done, total)
    }
  }

  #tell(phase: CheckPhase, done: number, total: number): void {
    this.#options.progress?.({ phase, done, total })
  }
}

/** The copies of blobs that findings say are bad, as `data:<id> <pack>`. */
function copiesIn(findings: readonly Finding[]): Set<string> {
  const copies = new Set<string>()
  for (const { file, blobs } of findings) {
    if (file?.kind === 'data') for (const blob of blobs) copies.add(`${blob} ${file.name}`)
  }
  return copies
}

/** The same repository, read past any cache. */
function uncached({ storage, clock, config, keyName, masterKey }: Repository): Repository {
  return new Repository({ storage: new UncachedStorage(storage), clock, config, keyName, masterKey })
}

class UncachedStorage extends ForwardingStorage {
  override load(file: FileId, options: LoadOptions = {}): Promise<Uint8Array> {
    return this.inner.load(file, { ...options, cache: 'bypass' })
  }
}
