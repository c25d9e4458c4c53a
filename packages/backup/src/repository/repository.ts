import { isAppError, systemClock, type Clock } from '@nixen/core'
import { newMasterKey, type KdfParameters } from '../crypto/key-file.ts'
import { Sealer, sealOverhead, type MasterKey } from '../crypto/seal.ts'
import { backupErrors, damaged } from '../errors.ts'
import { BlobIndex } from '../index/blob-index.ts'
import { decodeIndex } from '../index/index-file.ts'
import { IndexWriter } from '../index/index-writer.ts'
import { maxDataBlob, openBlob } from '../pack/blob-codec.ts'
import type { BlobLocation, BlobType, PackedBlob, PackEntry } from '../pack/blob.ts'
import { readHeader } from '../pack/pack-header.ts'
import { PackWriter } from '../pack/pack-writer.ts'
import type { Storage } from '../storage/storage.ts'
import { decodeConfig, encodeConfig, newConfig, type RepositoryConfig } from './config.ts'
import { addKey, listKeys, openWithPassword, type KeyInfo } from './keys.ts'
import { loadUnpacked, saveUnpacked, type UnpackedKind } from './unpacked.ts'

export interface SignalOption {
  readonly signal?: AbortSignal | undefined
}

export interface InitOptions extends SignalOption {
  readonly password: string
  readonly clock?: Clock | undefined
  /** Cost of scrypt of the first key. Only tests have a reason to lower it. */
  readonly kdf?: KdfParameters | undefined
}

export interface OpenOptions extends SignalOption {
  readonly password: string
  readonly clock?: Clock | undefined
}

/** Tail of a pack that is read at first: the header of most packs fits. */
const headerGuess = 16 * 1024

/**
 * A repository in restic's format, opened with a password. Reads versions 1 and 2; writes version 2. Holds no lock by itself: see `lockRepository`.
 */
export class Repository implements AsyncDisposable {
  readonly storage: Storage
  readonly clock: Clock
  readonly config: RepositoryConfig
  /** The key file that opened it. */
  readonly keyName: string
  /** Secret. Only for worker threads and new keys. */
  readonly masterKey: MasterKey
  readonly sealer: Sealer
  #index: BlobIndex | undefined
  #indexFiles = new Set<string>()

  constructor(init: {
    storage: Storage
    clock: Clock
    config: RepositoryConfig
    keyName: string
    masterKey: MasterKey
  }) {
    this.storage = init.storage
    this.clock = init.clock
    this.config = init.config
    this.keyName = init.keyName
    this.masterKey = init.masterKey
    this.sealer = new Sealer(init.masterKey)
  }

  /** Makes an empty repository of version 2. Errors: `backup.repository_exists`, `backup.password_empty`, storage's. */
  static async init(storage: Storage, options: InitOptions): Promise<Repository> {
    const { password, kdf, signal, clock = systemClock } = options
    const { location } = storage.properties
    if (await storage.stat({ kind: 'config', name: '' }, { signal })) throw backupErrors.repository_exists({ location })
    const masterKey = newMasterKey()
    const config = newConfig()
    // The key comes first: a repository is one as soon as it has a config, and must then have a key.
    const keyName = await addKey(storage, masterKey, { password, kdf, signal })
    const sealed = new Sealer(masterKey).seal(encodeConfig(config))
    try {
      await storage.save({ kind: 'config', name: '' }, [sealed], { signal })
    } catch (error) {
      if (isAppError(error, 'storage.exists')) {
        throw backupErrors.repository_exists({ location }, { cause: error })
      }
      throw error
    }
    return new Repository({ storage, clock, config, keyName, masterKey })
  }

  /** Errors: `backup.not_a_repository`, `backup.wrong_password`, `backup.unsupported_version`, `backup.file_damaged`, storage's. */
  static async open(storage: Storage, options: OpenOptions): Promise<Repository> {
    const { password, signal, clock = systemClock } = options
    const { location } = storage.properties
    if (!(await storage.stat({ kind: 'config', name: '' }, { signal })))
      throw backupErrors.not_a_repository({ location })
    const { master: masterKey, name: keyName } = await openWithPassword(storage, password, { signal })
    const sealed = await storage.load({ kind: 'config', name: '' }, { signal })
    const plain = new Sealer(masterKey).open(sealed)
    if (!plain) throw damaged('config', '', 'its bytes do not match their authentication code')
    return new Repository({ storage, clock, config: decodeConfig(plain, location), keyName, masterKey })
  }

  /** The repository's own id: 64 hexadecimal digits. */
  get id(): string {
    return this.config.id
  }

  /** The index; `loadIndex` comes before. */
  get index(): BlobIndex {
    this.#index ??= new BlobIndex()
    return this.#index
  }

  /** Names of the index files that `index` was made of. */
  get indexFiles(): ReadonlySet<string> {
    return this.#indexFiles
  }

  /** Throws `backup.read_only_version` for version 1. Call before the first write. */
  assertWritable(): void {
    if (this.config.version === 1) throw backupErrors.read_only_version({ location: this.storage.properties.location })
  }

  /** Content of a sealed document, checked. Errors: `backup.file_damaged`, storage's. */
  async loadUnpacked(kind: UnpackedKind, name: string, options: SignalOption = {}): Promise<Uint8Array> {
    return loadUnpacked(
      { storage: this.storage, sealer: this.sealer, version: this.config.version },
      { kind, name },
      options,
    )
  }

  /** Seals and saves a document; its name when it is durable. */
  async saveUnpacked(
    kind: Exclude<UnpackedKind, 'config'>,
    document: Uint8Array,
    options: SignalOption = {},
  ): Promise<string> {
    this.assertWritable()
    const context = { storage: this.storage, sealer: this.sealer, version: this.config.version }
    return saveUnpacked(context, kind, document, options)
  }

  /**
   * Reads all index files into `index`, anew. An index file that goes away meanwhile was replaced by a prune: everything is then read again.
   *
   * Errors: `backup.file_damaged`, storage's.
   */
  async loadIndex(options: SignalOption = {}): Promise<BlobIndex> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#loadIndexOnce(options)
      } catch (error) {
        if (!isAppError(error, 'storage.not_found') || attempt === 3) throw error
      }
    }
  }

  /** Brings `index` up to date: reads only what is new, or everything when index files have gone. Errors as `loadIndex`. */
  async refreshIndex(options: SignalOption = {}): Promise<BlobIndex> {
    const names = (await Array.fromAsync(this.storage.list('index', options))).map((file) => file.name)
    const present = new Set(names)
    if (!this.#index || [...this.#indexFiles].some((name) => !present.has(name))) return this.loadIndex(options)
    const fresh = names.filter((name) => !this.#indexFiles.has(name))
    for await (const { name, packs } of this.readIndexFiles({ ...options, names: fresh })) {
      for (const pack of packs) for (const blob of pack.blobs) this.#index.add(pack.id, blob)
      this.#indexFiles.add(name)
    }
    return this.#index
  }

  async #loadIndexOnce(options: SignalOption): Promise<BlobIndex> {
    const files = await Array.fromAsync(this.storage.list('index', options))
    // An index file stores about 47 bytes a blob.
    const stored = files.reduce((sum, file) => sum + file.size, 0)
    const index = new BlobIndex({ capacity: Math.ceil(stored / 42) })
    const names = new Set<string>()
    for await (const { name, packs } of this.readIndexFiles({
      ...options,
      names: files.map((file) => file.name),
    })) {
      names.add(name)
      for (const pack of packs) for (const blob of pack.blobs) index.add(pack.id, blob)
    }
    this.#index = index
    this.#indexFiles = names
    return index
  }

  /** Puts an index in place that was made otherwise (from a cache). */
  useIndex(index: BlobIndex, files: ReadonlySet<string>): void {
    this.#index = index
    this.#indexFiles = new Set(files)
  }

  /** Every index file, parsed. Errors: `backup.file_damaged`, storage's. */
  async *readIndexFiles(
    options: SignalOption & { names?: readonly string[] } = {},
  ): AsyncGenerator<{ name: string; packs: PackEntry[] }> {
    const names = options.names ?? (await Array.fromAsync(this.storage.list('index', options))).map((file) => file.name)
    for (const name of names) {
      options.signal?.throwIfAborted()
      const decoded = decodeIndex(await this.loadUnpacked('index', name, options))
      if ('reason' in decoded) throw damaged('index', name, decoded.reason)
      yield { name, packs: decoded.packs }
    }
  }

  /** Blobs of a pack as its own header names them. Errors: `backup.file_damaged`, storage's. */
  async readPackHeader(pack: string, options: SignalOption & { size?: number } = {}): Promise<PackedBlob[]> {
    const file = { kind: 'data', name: pack } as const
    const size = options.size ?? (await this.storage.stat(file, options))?.size
    if (size === undefined) throw damaged('data', pack, 'it does not exist')
    for (let wanted = headerGuess; ;) {
      const length = Math.min(size, wanted)
      const { signal } = options
      const tail =
        length > 0 ? await this.storage.load(file, { signal, offset: size - length, length }) : new Uint8Array()
      const header = readHeader(tail, size, this.sealer)
      if ('blobs' in header) return header.blobs
      if ('reason' in header) throw damaged('data', pack, header.reason)
      wanted = header.needed
    }
  }

  /** Content of a blob by its id, checked. Tries every copy. Errors: `backup.blob_missing`, `backup.blob_damaged`, storage's. */
  async loadBlob(type: BlobType, id: string | Uint8Array, options: SignalOption = {}): Promise<Uint8Array> {
    const blob = typeof id === 'string' ? id : Buffer.from(id).toString('hex')
    const places = this.index.locateAll(type, blob)
    let failure: unknown = backupErrors.blob_missing({ blob, type })
    for (const place of places) {
      try {
        return await this.loadBlobAt(place, options)
      } catch (error) {
        options.signal?.throwIfAborted()
        failure = error
      }
    }
    throw failure as Error
  }

  /** Content of the blob at one place, checked. Errors: `backup.blob_damaged`, storage's. */
  async loadBlobAt(place: BlobLocation, { signal }: SignalOption = {}): Promise<Uint8Array> {
    const { pack, offset, length, type, id: blob } = place
    if (length < sealOverhead || (type === 'data' && (place.uncompressedLength ?? length) > maxDataBlob)) {
      throw backupErrors.blob_damaged({ blob, pack, reason: 'the index gives it an impossible length' })
    }
    const sealed = await this.storage.load({ kind: 'data', name: pack }, { signal, offset, length })
    const opened = openBlob(sealed, place, this.sealer)
    if ('reason' in opened) throw backupErrors.blob_damaged({ blob, pack, reason: opened.reason })
    return opened.content
  }

  /** For packs with a few blobs: trees, copies, what prune keeps. */
  packWriter(options: { index: IndexWriter; targetSize?: number } & SignalOption): PackWriter {
    this.assertWritable()
    return new PackWriter({ storage: this.storage, sealer: this.sealer, ...options })
  }

  /** Collects packs and saves index files; what they name is then in `index` as well. */
  indexWriter(options: SignalOption = {}): IndexWriter {
    this.assertWritable()
    return new IndexWriter(async (document, packs) => {
      const name = await this.saveUnpacked('index', document, options)
      for (const pack of packs) for (const blob of pack.blobs) this.index.add(pack.id, blob)
      this.#indexFiles.add(name)
      return name
    })
  }

  /** All keys, without secrets. */
  keys(options: SignalOption = {}): AsyncGenerator<KeyInfo> {
    return listKeys(this.storage, options)
  }

  /** Adds a password; the name of its key. Errors: `backup.password_empty`, storage's. */
  async addKey(password: string, options: SignalOption & { kdf?: KdfParameters } = {}): Promise<string> {
    return addKey(this.storage, this.masterKey, { password, ...options })
  }

  /** Removes a key. Errors: `backup.last_key`, `backup.key_in_use`. */
  async removeKey(name: string, options: SignalOption = {}): Promise<void> {
    const names = (await Array.fromAsync(this.storage.list('key', options))).map((file) => file.name)
    if (name === this.keyName) throw backupErrors[names.length === 1 ? 'last_key' : 'key_in_use']({ key: name })
    await this.storage.remove({ kind: 'key', name }, options)
  }

  /** Replaces the key that opened the repository by one with another password; the new key's name. The old one is removed last. */
  async changePassword(password: string, options: SignalOption & { kdf?: KdfParameters } = {}): Promise<string> {
    const name = await this.addKey(password, options)
    // Only a key that really opens takes the place of the old one.
    await openWithPassword(this.storage, password, options)
    await this.storage.remove({ kind: 'key', name: this.keyName }, options)
    return name
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.storage[Symbol.asyncDispose]()
  }
}
