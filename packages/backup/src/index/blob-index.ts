import type { BlobLocation, BlobType, PackedBlob } from '../pack/blob.ts'

/** Words of 32 bits per entry: id (8), pack and type (1), offset (1), sealed length (1), plain length or 0 (1). */
const entryWords = 12
const packWord = 8
const treeBit = 0x8000_0000
/** The blob was claimed by this session, and its pack is not saved yet. */
const noPack = 0x7fff_ffff
const minimumCapacity = 1024

/** The memory of an index, to be given to worker threads. */
export interface SharedIndex {
  readonly capacity: number
  readonly control: SharedArrayBuffer
  readonly entries: SharedArrayBuffer
  readonly table: SharedArrayBuffer
}

/**
 * Which blobs there are and where: an open-addressing table of entry numbers over an array of entries, in memory that threads share. Worker
 * threads look up and claim blobs without locks; only the main thread says where they are. 54 to 60 bytes a blob.
 */
export class BlobIndex {
  #shared!: SharedIndex
  #count!: Int32Array
  #entries!: Uint32Array
  #table!: Uint32Array
  #mask = 0
  readonly #packs: string[] = []
  readonly #packNumbers = new Map<string, number>()
  readonly #probe = new Uint32Array(8)
  readonly #probeBytes = new Uint8Array(this.#probe.buffer)
  /** Whether the last `claim` made a new entry. */
  claimed = false

  constructor(memory: { capacity: number } | SharedIndex = { capacity: minimumCapacity }) {
    this.#use('entries' in memory ? memory : allocate(memory.capacity))
  }

  /** The index with these packs and the bytes that `placedEntries` gave. */
  static fromEntries(packs: readonly string[], entries: Uint8Array): BlobIndex {
    const count = Math.floor(entries.length / (entryWords * 4))
    const index = new BlobIndex({ capacity: count })
    for (const pack of packs) index.#packNumber(pack)
    new Uint8Array(index.#entries.buffer).set(entries.subarray(0, count * entryWords * 4))
    Atomics.store(index.#count, 0, count)
    index.#rebuild()
    return index
  }

  /** Entries of all blobs whose pack is known, as bytes: for a cache on this machine. */
  placedEntries(): Uint8Array {
    const bytes = new Uint8Array(this.size * entryWords * 4)
    let length = 0
    for (let entry = 0, count = this.size; entry < count; entry++) {
      if (!this.isPlaced(entry)) continue
      bytes.set(new Uint8Array(this.#entries.buffer, entry * entryWords * 4, entryWords * 4), length)
      length += entryWords * 4
    }
    return bytes.subarray(0, length)
  }

  /** For worker threads: `new BlobIndex(shared)` there sees the same entries. Valid until the index grows. */
  get shared(): SharedIndex {
    return this.#shared
  }

  /** Entries, also those of blobs that are stored twice. */
  get size(): number {
    return Atomics.load(this.#count, 0)
  }

  /** Memory in use, in bytes. */
  get bytes(): number {
    return this.size * entryWords * 4 + this.#table.byteLength
  }

  /** All packs that were named, by number. */
  get packs(): readonly string[] {
    return this.#packs
  }

  /** Number of the entry of a blob, or -1. */
  find(type: BlobType, id: Uint8Array): number {
    this.#probeBytes.set(id)
    const tree = type === 'tree'
    for (let slot = this.#home(); ; slot = (slot + 1) & this.#mask) {
      const entry = Atomics.load(this.#table, slot) - 1
      if (entry < 0 || this.#matches(entry, tree)) return entry
    }
  }

  /**
   * The entry of a data blob, made if there was none (then `claimed` is true, and the caller must store the blob). Safe to call from several
   * threads: exactly one of them claims. -1 when the index is full.
   */
  claim(id: Uint8Array): number {
    this.claimed = false
    this.#probeBytes.set(id)
    let slot = this.#home()
    let mine = -1
    for (;;) {
      const entry = Atomics.load(this.#table, slot) - 1
      if (entry >= 0) {
        if (this.#matches(entry, false)) return entry
        slot = (slot + 1) & this.#mask
        continue
      }
      if (mine < 0) {
        mine = this.#append('data', { pack: noPack, offset: 0, length: 0, uncompressedLength: 0 })
        if (mine < 0) return -1
      }
      // The entry is written before it is published; a thread that loses the race looks at the winner's entry.
      if (Atomics.compareExchange(this.#table, slot, 0, mine + 1) === 0) {
        this.claimed = true
        return mine
      }
    }
  }

  /** Adds what an index file says. A blob that is there already gets a second entry, unless both name the same pack. Main thread only. */
  add(pack: string, blob: PackedBlob): number {
    if (this.size >= this.#shared.capacity) this.reserve(Math.ceil(this.size / 2) + minimumCapacity)
    const number = this.#packNumber(pack)
    this.#probeBytes.set(Buffer.from(blob.id, 'hex'))
    const tree = blob.type === 'tree'
    let slot = this.#home()
    for (;;) {
      const entry = (this.#table[slot] ?? 0) - 1
      if (entry < 0) break
      if (this.#matches(entry, tree) && this.#packOf(entry) === number) return entry
      slot = (slot + 1) & this.#mask
    }
    const entry = this.#append(blob.type, { ...blob, pack: number })
    this.#table[slot] = entry + 1
    return entry
  }

  /** Says where a claimed blob is. Main thread only. */
  place(entry: number, pack: string, at: { offset: number; length: number; uncompressedLength: number }): void {
    const words = this.#entries
    const base = entry * entryWords
    words[base + packWord] = ((words[base + packWord] ?? 0) & treeBit) | this.#packNumber(pack)
    words[base + packWord + 1] = at.offset
    words[base + packWord + 2] = at.length
    words[base + packWord + 3] = at.uncompressedLength
  }

  /** Whether the pack of the entry is known. */
  isPlaced(entry: number): boolean {
    return this.#packOf(entry) !== noPack
  }

  /** Plain length of a blob in bytes. */
  plainLength(entry: number): number {
    const base = entry * entryWords + packWord
    return this.#entries[base + 3] || (this.#entries[base + 2] ?? 0) - 32
  }

  /** Length of the sealed bytes of a blob. */
  storedLength(entry: number): number {
    return this.#entries[entry * entryWords + packWord + 2] ?? 0
  }

  /** Whether a blob is stored compressed. */
  isCompressed(entry: number): boolean {
    return (this.#entries[entry * entryWords + packWord + 3] ?? 0) > 0
  }

  /** Which of the two kinds of blobs the entry is of. */
  typeOf(entry: number): BlobType {
    return this.#isTree(entry) ? 'tree' : 'data'
  }

  /** Number of the pack of an entry, for grouping; see `packs`. */
  packNumber(entry: number): number {
    return this.#packOf(entry)
  }

  /** Orders entries by pack and by place in it. */
  comparePlaces(a: number, b: number): number {
    const offsetWord = packWord + 1
    const packs = this.#packOf(a) - this.#packOf(b)
    return (
      packs || (this.#entries[a * entryWords + offsetWord] ?? 0) - (this.#entries[b * entryWords + offsetWord] ?? 0)
    )
  }

  /** Where the blob of an entry is. */
  location(entry: number): BlobLocation {
    const base = entry * entryWords + packWord
    const uncompressedLength = this.#entries[base + 3] ?? 0
    return {
      type: this.#isTree(entry) ? 'tree' : 'data',
      id: this.idOf(entry).toString('hex'),
      pack: this.#packs[this.#packOf(entry)] ?? '',
      offset: this.#entries[base + 1] ?? 0,
      length: this.#entries[base + 2] ?? 0,
      ...(uncompressedLength > 0 ? { uncompressedLength } : {}),
    }
  }

  /** Where a blob is, or `undefined`. */
  locate(type: BlobType, id: string | Uint8Array): BlobLocation | undefined {
    const entry = this.find(type, typeof id === 'string' ? Buffer.from(id, 'hex') : id)
    return entry >= 0 && this.isPlaced(entry) ? this.location(entry) : undefined
  }

  /** All places of a blob that is stored more than once. */
  locateAll(type: BlobType, id: string | Uint8Array): BlobLocation[] {
    this.#probeBytes.set(typeof id === 'string' ? Buffer.from(id, 'hex') : id)
    const found: number[] = []
    for (let slot = this.#home(); ; slot = (slot + 1) & this.#mask) {
      const entry = (this.#table[slot] ?? 0) - 1
      if (entry < 0) break
      if (this.#matches(entry, type === 'tree') && this.isPlaced(entry)) found.push(entry)
    }
    return found.map((entry) => this.location(entry))
  }

  /** A copy of the id of an entry. */
  idOf(entry: number): Buffer<ArrayBuffer> {
    const id = Buffer.allocUnsafe(32)
    id.set(new Uint8Array(this.#entries.buffer, entry * entryWords * 4, 32))
    return id
  }

  /** Makes room for `more` entries. Memory that was given to workers is no longer looked at afterwards. Main thread only. */
  reserve(more: number): void {
    const needed = this.size + more
    if (needed <= this.#shared.capacity) return
    const [old, count] = [this.#entries, this.size]
    this.#use(allocate(needed))
    this.#entries.set(old.subarray(0, count * entryWords))
    Atomics.store(this.#count, 0, count)
    this.#rebuild()
  }

  /** Forgets blobs that were claimed and never placed, after a session that failed. Main thread only. */
  dropUnplaced(): void {
    this.#table.fill(0)
    this.#rebuild()
  }

  #rebuild(): void {
    const words = this.#entries
    for (let entry = 0, count = this.size; entry < count; entry++) {
      if (!this.isPlaced(entry)) continue
      let slot = (words[entry * entryWords] ?? 0) & this.#mask
      while (this.#table[slot] !== 0) slot = (slot + 1) & this.#mask
      this.#table[slot] = entry + 1
    }
  }

  #use(shared: SharedIndex): void {
    this.#shared = shared
    this.#count = new Int32Array(shared.control)
    this.#entries = new Uint32Array(shared.entries)
    this.#table = new Uint32Array(shared.table)
    this.#mask = this.#table.length - 1
  }

  /** Ids are SHA-256 values: any 32 bits of them are evenly spread. */
  #home(): number {
    return (this.#probe[0] ?? 0) & this.#mask
  }

  #matches(entry: number, tree: boolean): boolean {
    const base = entry * entryWords
    for (let i = 0; i < 8; i++) if (this.#entries[base + i] !== this.#probe[i]) return false
    return this.#isTree(entry) === tree
  }

  #isTree(entry: number): boolean {
    return ((this.#entries[entry * entryWords + packWord] ?? 0) & treeBit) !== 0
  }

  #packOf(entry: number): number {
    return (this.#entries[entry * entryWords + packWord] ?? 0) & ~treeBit
  }

  #append(
    type: BlobType,
    at: { pack: number; offset: number; length: number; uncompressedLength?: number | undefined },
  ): number {
    const entry = Atomics.add(this.#count, 0, 1)
    if (entry >= this.#shared.capacity) {
      Atomics.sub(this.#count, 0, 1)
      return -1
    }
    const base = entry * entryWords
    this.#entries.set(this.#probe, base)
    this.#entries[base + packWord] = at.pack | (type === 'tree' ? treeBit : 0)
    this.#entries[base + packWord + 1] = at.offset
    this.#entries[base + packWord + 2] = at.length
    this.#entries[base + packWord + 3] = at.uncompressedLength ?? 0
    return entry
  }

  #packNumber(pack: string): number {
    let number = this.#packNumbers.get(pack)
    if (number === undefined) {
      number = this.#packs.push(pack) - 1
      this.#packNumbers.set(pack, number)
    }
    return number
  }
}

/** Untouched shared memory takes no room: what is reserved beyond what is used costs nothing. */
function allocate(capacity: number): SharedIndex {
  const entries = Math.max(capacity, minimumCapacity)
  // At most two thirds full, so that a search looks at two or three slots.
  const slots = 2 ** Math.ceil(Math.log2(entries * 1.5))
  return {
    capacity: entries,
    control: new SharedArrayBuffer(4),
    entries: new SharedArrayBuffer(entries * entryWords * 4),
    table: new SharedArrayBuffer(slots * 4),
  }
}
