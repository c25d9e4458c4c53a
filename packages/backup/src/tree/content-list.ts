/** Ids of blobs in order, repetitions as counts. */
export interface BlobRuns {
  /** Number of ids, repetitions counted. */
  readonly length: number
  /** `id` is a view that is valid until the next step. */
  runs(): Iterable<{ id: Uint8Array; count: number }>
}

/** Ids of the blobs of one file, in order. Repeated ids (zeros) are kept once with a count: 36 bytes a run. */
export class ContentList implements BlobRuns {
  #ids: Uint8Array
  #counts: Uint32Array
  #runs = 0
  #length = 0

  constructor(expectedRuns = 16) {
    this.#ids = new Uint8Array(expectedRuns * 32)
    this.#counts = new Uint32Array(expectedRuns)
  }

  /** A list of hexadecimal ids. */
  static of(ids: Iterable<string>): ContentList {
    const list = new ContentList()
    for (const id of ids) list.push(Buffer.from(id, 'hex'))
    return list
  }

  /** Number of ids, repetitions counted. */
  get length(): number {
    return this.#length
  }

  /** Number of runs of equal ids. */
  get runCount(): number {
    return this.#runs
  }

  /** Adds an id of 32 bytes, `count` times. */
  push(id: Uint8Array, count = 1): void {
    this.#length += count
    const last = this.#runs - 1
    if (last >= 0 && Buffer.compare(id, this.#idAt(last)) === 0) {
      this.#counts[last] = (this.#counts[last] ?? 0) + count
      return
    }
    if (this.#runs === this.#counts.length) this.#grow()
    this.#ids.set(id, this.#runs * 32)
    this.#counts[this.#runs++] = count
  }

  /** Runs in order. `id` is a view that must not be changed. */
  *runs(): Generator<{ id: Uint8Array; count: number }> {
    for (let run = 0; run < this.#runs; run++) yield { id: this.#idAt(run), count: this.#counts[run] ?? 0 }
  }

  /** All ids in hexadecimal, repetitions included. For short lists. */
  *[Symbol.iterator](): Generator<string> {
    for (const { id, count } of this.runs()) {
      const text = Buffer.from(id).toString('hex')
      for (let i = 0; i < count; i++) yield text
    }
  }

  #idAt(run: number): Uint8Array {
    return this.#ids.subarray(run * 32, run * 32 + 32)
  }

  #grow(): void {
    const runs = Math.ceil(this.#counts.length * 1.5) + 16
    const [ids, counts] = [new Uint8Array(runs * 32), new Uint32Array(runs)]
    ids.set(this.#ids)
    counts.set(this.#counts)
    this.#ids = ids
    this.#counts = counts
  }
}
