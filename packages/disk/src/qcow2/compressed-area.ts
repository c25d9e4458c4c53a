import { Semaphore } from '@nixen/core'
import { alignedBuffers } from '../aligned.ts'
import type { DiskFile } from '../file.ts'
import type { HostSpace } from './host-space.ts'

/** Bytes that are collected before they are written. */
const areaSize = 2 * 1024 * 1024

interface Area {
  readonly bytes: Uint8Array
  readonly host: number
  used: number
  readonly release: () => void
}

/** Packs compressed clusters one after the other into areas of 2 MiB, which are written at once. */
export class CompressedArea {
  readonly #file: DiskFile
  readonly #space: HostSpace
  readonly #clusterSize: number
  readonly #free: Uint8Array[] = []
  readonly #places = new Semaphore(3)
  readonly #writing = new Set<Promise<void>>()
  #open: Area | undefined
  #turn: Promise<unknown> = Promise.resolve()

  constructor(file: DiskFile, space: HostSpace, clusterSize: number) {
    this.#file = file
    this.#space = space
    this.#clusterSize = clusterSize
  }

  /** Clusters before this offset get no more references. */
  get complete(): number {
    return this.#open?.host ?? this.#space.end
  }

  /** Adds the data of a cluster; says where it will be. */
  append(packed: Uint8Array): Promise<number> {
    // One after the other: an area is opened by one caller while the others wait.
    const place = this.#turn.then(() => this.#append(packed))
    this.#turn = place.catch(() => undefined)
    return place
  }

  async #append(packed: Uint8Array): Promise<number> {
    if (this.#open && this.#open.used + packed.length > this.#open.bytes.length) this.#close()
    const area = (this.#open ??= await this.#begin())
    area.bytes.set(packed, area.used)
    const host = area.host + area.used
    area.used += packed.length
    this.#space.refer(host, packed.length)
    return host
  }

  async #begin(): Promise<Area> {
    const release = await this.#places.acquire()
    const size = Math.max(areaSize, this.#clusterSize)
    const bytes = this.#free.pop() ?? alignedBuffers(1, size)[0] ?? new Uint8Array(size)
    return { bytes, host: this.#space.allocate(size / this.#clusterSize, { uncounted: true }), used: 0, release }
  }

  #close(): void {
    const area = this.#open
    if (!area) return
    this.#open = undefined
    area.bytes.fill(0, area.used)
    const writing = this.#file.write(area.host, area.bytes).finally(() => {
      this.#free.push(area.bytes)
      area.release()
    })
    this.#writing.add(writing)
    void writing.then(
      () => this.#writing.delete(writing),
      // It stays in the set: `flush` throws what went wrong.
      () => undefined,
    )
  }

  /** Writes what is left. */
  async flush(): Promise<void> {
    await this.#turn
    this.#close()
    await Promise.all(this.#writing)
  }
}
