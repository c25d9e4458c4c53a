import { formatPointId, type Point, type RepositoryId } from '@nixen/api'
import type { PointRecord } from '../worker/point-record.ts'
import type { CatalogueFile } from './catalogue-file.ts'

/** What the health checks of a restore point come to. */
export type PointMark = Pick<Point, 'check' | 'verified'>

/** All restore points of all repositories, in memory: 100,000 take about 60 MB and are searched in a few dozen milliseconds. */
export class Catalogue {
  readonly #file: CatalogueFile
  readonly #points = new Map<RepositoryId, Map<string, Point>>()
  /** Newest first; made again when it is asked for after a change. */
  #sorted: readonly Point[] | undefined
  /** The one copy of texts and lists that many points have. */
  readonly #texts = new Map<string, string>()
  /** What health checks say, by repository and snapshot: also of points that are not known yet. */
  readonly #checks = new Map<RepositoryId, Map<string, PointMark>>()
  readonly #lists = new Map<string, string[]>()

  constructor(file: CatalogueFile) {
    this.#file = file
    for (const { repository, record } of file.load()) this.#put(repository, record)
  }

  /** All restore points, newest first. */
  all(): readonly Point[] {
    if (this.#sorted) return this.#sorted
    const all: Point[] = []
    for (const points of this.#points.values()) for (const point of points.values()) all.push(point)
    this.#sorted = all.sort((a, b) => b.time - a.time || (a.id < b.id ? -1 : 1))
    return this.#sorted
  }

  get(repository: RepositoryId, snapshot: string): Point | undefined {
    return this.#points.get(repository)?.get(snapshot)
  }

  /** Notes what health checks say of a restore point; `undefined` takes it away. */
  setCheck(repository: RepositoryId, snapshot: string, mark: PointMark | undefined): void {
    let marks = this.#checks.get(repository)
    if (!marks) this.#checks.set(repository, (marks = new Map()))
    const before = marks.get(snapshot)
    if (before?.check === mark?.check && before?.verified === mark?.verified) return
    if (mark) marks.set(snapshot, mark)
    else marks.delete(snapshot)
    const points = this.#points.get(repository)
    const point = points?.get(snapshot)
    if (!points || !point) return
    const { check: _check, verified: _verified, ...rest } = point
    points.set(snapshot, marked(rest, mark))
    this.#sorted = undefined
  }

  /** Those of one repository. */
  of(repository: RepositoryId): Iterable<Point> {
    return this.#points.get(repository)?.values() ?? []
  }

  /** Ids of snapshots that are known. */
  known(repository: RepositoryId): string[] {
    return [...(this.#points.get(repository)?.keys() ?? [])]
  }

  /** How many, of how many VMs, and when the newest was taken. */
  summary(repository: RepositoryId): { readonly points: number; readonly vms: number; readonly newest?: number } {
    const points = this.#points.get(repository)
    if (!points || points.size === 0) return { points: 0, vms: 0 }
    const vms = new Set<string>()
    let newest = 0
    for (const { path, time } of points.values()) {
      vms.add(path)
      newest = Math.max(newest, time)
    }
    return { points: points.size, vms: vms.size, newest }
  }

  add(repository: RepositoryId, records: readonly PointRecord[]): void {
    if (records.length === 0) return
    for (const record of records) this.#put(repository, record)
    this.#sorted = undefined
    this.#file.change(repository, { added: records })
  }

  remove(repository: RepositoryId, snapshots: Iterable<string>): void {
    const points = this.#points.get(repository)
    const removed = [...snapshots].filter((snapshot) => points?.delete(snapshot))
    if (removed.length === 0) return
    this.#sorted = undefined
    this.#file.change(repository, { removed })
  }

  /** Of what was known when somebody looked, only what was there stays; what came since is left alone. Gives how many went. */
  keepOnly(
    repository: RepositoryId,
    { known, present }: { readonly known: readonly string[]; readonly present: readonly string[] },
  ): number {
    const there = new Set(present)
    const gone = known.filter((snapshot) => !there.has(snapshot))
    this.remove(repository, gone)
    return gone.length
  }

  /** Forgets a repository. */
  drop(repository: RepositoryId): void {
    this.remove(repository, this.known(repository))
    this.#points.delete(repository)
  }

  #put(repository: RepositoryId, record: PointRecord): void {
    let points = this.#points.get(repository)
    if (!points) this.#points.set(repository, (points = new Map()))
    const mark = this.#checks.get(repository)?.get(record.snapshot)
    points.set(record.snapshot, marked(this.pointOf(repository, record), mark))
  }

  /** A record as the contract has it. */
  pointOf(repository: RepositoryId, record: PointRecord): Point {
    const { snapshot, time, name, path, tags, facts, parent, program } = record
    const text = (key: 'uuid' | 'lineage' | 'pool' | 'os' | 'job') => {
      const value = facts[key]
      return value === undefined ? {} : { [key]: this.#one(value) }
    }
    return {
      id: formatPointId(repository, snapshot),
      repository,
      name: this.#one(name),
      time,
      tags: this.#oneList(tags),
      ...text('uuid'),
      ...text('lineage'),
      ...text('pool'),
      ...text('os'),
      ...text('job'),
      ...(facts.ips ? { ips: this.#oneList(facts.ips) } : {}),
      ...(facts.size === undefined ? {} : { size: facts.size }),
      ...(facts.disks === undefined ? {} : { disks: facts.disks }),
      ...(facts.consistency === undefined ? {} : { consistency: facts.consistency }),
      path: this.#one(path),
      ...(parent === undefined ? {} : { parent }),
      ...(program === undefined ? {} : { program: this.#one(program) }),
    }
  }

  #one(text: string): string {
    const known = this.#texts.get(text)
    if (known !== undefined) return known
    // Texts of VMs that are gone add up only slowly; beyond this they start again.
    if (this.#texts.size > 100_000) this.#texts.clear()
    this.#texts.set(text, text)
    return text
  }

  #oneList(list: readonly string[]): string[] {
    const key = list.join('\n')
    let known = this.#lists.get(key)
    if (!known) {
      if (this.#lists.size > 100_000) this.#lists.clear()
      this.#lists.set(key, (known = [...list]))
    }
    return known
  }
}

function marked(point: Omit<Point, 'check' | 'verified'>, mark: PointMark | undefined): Point {
  if (!mark) return point
  const { check, verified } = mark
  return { ...point, ...(check === undefined ? {} : { check }), ...(verified === undefined ? {} : { verified }) }
}
