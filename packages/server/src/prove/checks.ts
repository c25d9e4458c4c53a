import { parsePointId, type Point, type RepositoryId } from '@nixen/api'
import { messageOf, type Log } from '@nixen/core'
import type { Catalogue } from '../repositories/catalogue.ts'
import type { Repositories } from '../repositories/repositories.ts'
import type { NoteItem } from '../worker/operations/prove.ts'
import { checkNote, readCheckNote, type CheckRecord, type NewCheck } from './check-record.ts'
import type { ChecksFile, KnownNote } from './checks-file.ts'

export interface ChecksPorts {
  readonly repositories: Pick<Repositories, 'run' | 'all' | 'get' | 'onChange' | 'pointsOf'>
  readonly catalogue: Pick<Catalogue, 'setCheck' | 'get'>
  readonly file: ChecksFile
  readonly log: Log
}

/** Of checks of one point so many stay, beside the newest good one. */
const keptOfPoint = 5

/**
 * Health checks of all repositories. What counts is what the repositories say; here it is in memory, and marked on the points of the catalogue.
 * A repository is read when it has been looked at: a Nixen that was just given it sees its checks as well.
 */
export class Checks implements AsyncDisposable {
  readonly #ports: ChecksPorts
  /** By repository, then by name of the note; `undefined` for notes that are no checks. */
  readonly #notes = new Map<RepositoryId, Map<string, CheckRecord | undefined>>()
  /** By repository and snapshot, the newest first. */
  readonly #bySnapshot = new Map<RepositoryId, Map<string, CheckRecord[]>>()
  /** Which look at a repository was followed. */
  readonly #followed = new Map<RepositoryId, number>()
  readonly #running = new Set<Promise<void>>()
  readonly #stop = new AbortController()
  readonly #unsubscribe: () => void

  constructor(ports: ChecksPorts) {
    this.#ports = ports
    for (const { repository, name, check } of ports.file.load()) this.#put(repository, { name, check })
    for (const id of this.#notes.keys()) this.#markAll(id)
    this.#unsubscribe = ports.repositories.onChange((id) => this.#follow(id))
    for (const { id } of ports.repositories.all()) this.#follow(id)
  }

  /** Checks of a restore point, the newest first. */
  of({ id }: Pick<Point, 'id'>): readonly CheckRecord[] {
    const parts = parsePointId(id)
    return (parts && this.#bySnapshot.get(parts.repository)?.get(parts.snapshot)) ?? []
  }

  /** Snapshots of a repository that were found good, and not bad since. */
  verifiedIn(repository: RepositoryId): string[] {
    const found = this.#bySnapshot.get(repository) ?? new Map<string, CheckRecord[]>()
    return [...found].flatMap(([snapshot, [newest]]) => (newest?.state === 'passed' ? [snapshot] : []))
  }

  /** Writes a check down in the repository of its point. @throws repository.* */
  async save(
    { id }: Point,
    check: NewCheck,
    { picture, signal }: { readonly picture?: Uint8Array | undefined; readonly signal: AbortSignal },
  ): Promise<CheckRecord> {
    const parts = parsePointId(id)
    if (!parts) throw new TypeError(`${id} is no restore point.`)
    const input = { content: checkNote(check), evidence: picture }
    const item = await this.#ports.repositories.run('addNote', parts.repository, input, { signal })
    const record = this.#take(parts.repository, [item])[0]
    if (!record) throw new TypeError('A health check was not written as it is read.')
    return record
  }

  /** Reads what is new in a repository, and forgets what is gone there. @throws repository.* */
  async refresh(repository: RepositoryId): Promise<void> {
    const { repositories, file } = this.#ports
    const known = [...(this.#notes.get(repository)?.keys() ?? [])]
    const items: NoteItem[] = []
    const { signal } = this.#stop
    const { present } = await repositories.run(
      'notes',
      repository,
      { known },
      { signal, items: (some) => void items.push(...some) },
    )
    this.#take(repository, items)
    const there = new Set(present)
    const removed = known.filter((name) => !there.has(name))
    if (removed.length === 0) return
    for (const name of removed) this.#notes.get(repository)?.delete(name)
    file.change(repository, { added: [], removed })
    this.#markAll(repository)
  }

  /** Removes records of restore points that are gone, and all but a few of each. @throws repository.* */
  async tidy(repository: RepositoryId, signal: AbortSignal): Promise<void> {
    const surplus = [...(this.#bySnapshot.get(repository) ?? [])].flatMap(([snapshot, checks]) => {
      if (!this.#ports.catalogue.get(repository, snapshot)) return checks
      const good = checks.find(({ state }) => state === 'passed')
      return checks.filter((check, at) => at >= keptOfPoint && check !== good)
    })
    if (surplus.length === 0) return
    const notes = surplus.map(({ name }) => name)
    const evidence = surplus.flatMap((check) => check.evidence ?? [])
    await this.#ports.repositories.run('removeNotes', repository, { notes, evidence }, { signal })
    await this.refresh(repository)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#unsubscribe()
    this.#stop.abort(new DOMException('the server stops', 'AbortError'))
    await Promise.all(this.#running)
  }

  /** Reads the notes of a repository once for each look at it. */
  #follow(id: RepositoryId): void {
    const found = this.#ports.repositories.all().find((one) => one.id === id)
    if (!found) {
      this.#notes.delete(id)
      this.#bySnapshot.delete(id)
      return
    }
    const seen = found.seen ?? 0
    if (found.state !== 'ready' || this.#followed.get(id) === seen || this.#stop.signal.aborted) return
    this.#followed.set(id, seen)
    const running = this.refresh(id)
      .catch((error: unknown) => {
        if (this.#stop.signal.aborted) return
        this.#ports.log.warn('health checks could not be read', { repository: found.name, reason: messageOf(error) })
      })
      .finally(() => this.#running.delete(running))
    this.#running.add(running)
  }

  #take(repository: RepositoryId, items: readonly NoteItem[]): CheckRecord[] {
    if (items.length === 0) return []
    const added = items.map((item) => ({ name: item.name, check: readCheckNote(item) }))
    for (const note of added) this.#put(repository, note)
    this.#ports.file.change(repository, { added, removed: [] })
    this.#markAll(repository)
    return added.flatMap(({ check }) => check ?? [])
  }

  #put(repository: RepositoryId, { name, check }: Omit<KnownNote, 'repository'>): void {
    let notes = this.#notes.get(repository)
    if (!notes) this.#notes.set(repository, (notes = new Map()))
    notes.set(name, check)
  }

  #markAll(repository: RepositoryId): void {
    const checks = [...(this.#notes.get(repository)?.values() ?? [])].filter((check) => check !== undefined)
    const grouped = Map.groupBy(checks, ({ snapshot }) => snapshot)
    for (const list of grouped.values()) list.sort((a, b) => b.time - a.time)
    const before = this.#bySnapshot.get(repository)
    this.#bySnapshot.set(repository, grouped)
    for (const [snapshot, list] of grouped) {
      const verified = list.find(({ state }) => state === 'passed')?.time
      const [newest] = list
      this.#ports.catalogue.setCheck(repository, snapshot, newest && { check: newest.state, verified })
    }
    for (const snapshot of before?.keys() ?? [])
      if (!grouped.has(snapshot)) this.#ports.catalogue.setCheck(repository, snapshot, undefined)
  }
}
