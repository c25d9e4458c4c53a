import { mkdir, open, readdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { newOwnId, transferErrors, type Upload, type UserId } from '@nixen/api'
import { isRecord, messageOf, type ByteStream, type Clock, type Log } from '@nixen/core'
import { writeWhole } from '../../state/write-whole.ts'
import type { Incoming } from './incoming.ts'
import { writeAll, type Room } from './spool.ts'

export interface UploadsPorts {
  /** Directory of all uploads, one folder each. */
  readonly folder: string
  readonly room: Room
  readonly clock: Clock
  readonly log: Log
}

/** An upload that nobody goes on with is removed after so long, in milliseconds. */
const kept = 24 * 3_600_000
/** Milliseconds between two looks for such. */
const lookEvery = 15 * 60_000

/** What is written down of an upload; how far it is, its file tells. */
type Kept = Pick<Upload, 'id' | 'name' | 'size' | 'user' | 'created'> & { readonly sha256?: string }

interface Known {
  readonly record: Kept
  offset: number
  /** When something came last; epoch milliseconds. */
  touched: number
  busy: boolean
}

/**
 * Files that are sent in pieces. What has come is durable when the answer goes out, and a file is as long as what has come: so it is gone on with after
 * any break, also one of the server.
 */
export class Uploads implements AsyncDisposable {
  readonly #ports: UploadsPorts
  readonly #known = new Map<string, Known>()
  readonly #stop = new AbortController()
  #rounds: Promise<void> = Promise.resolve()

  constructor(ports: UploadsPorts) {
    this.#ports = ports
  }

  /** Finds what earlier runs kept, and begins to look for what is abandoned. */
  async start(): Promise<void> {
    const { folder, room, clock, log } = this.#ports
    await mkdir(folder, { recursive: true, mode: 0o700 })
    for (const id of await readdir(folder)) {
      const found = await this.#read(id)
      if (found) {
        this.#known.set(id, found)
        room.hold(found.record.size)
      } else {
        await rm(join(folder, id), { recursive: true, force: true })
      }
    }
    await this.sweep()
    this.#rounds = (async () => {
      for (;;) {
        await clock.sleep(lookEvery, { signal: this.#stop.signal })
        await this.sweep()
      }
    })().catch((error: unknown) => {
      if (!this.#stop.signal.aborted) log.error('uploads are not looked after any more', { error: messageOf(error) })
    })
  }

  async #read(id: string): Promise<Known | undefined> {
    try {
      const record: unknown = JSON.parse(await readFile(this.#recordPath(id), 'utf8'))
      if (!isRecord(record) || record['id'] !== id) return undefined
      const { size, mtimeMs } = await stat(this.#dataPath(id))
      // Written by `create`.
      return { record: record as unknown as Kept, offset: size, touched: Math.round(mtimeMs), busy: false }
    } catch (error) {
      this.#ports.log.warn('a broken upload is removed', { id, error: messageOf(error) })
      return undefined
    }
  }

  /** Removes what was abandoned. */
  async sweep(): Promise<void> {
    const old = this.#ports.clock.now() - kept
    for (const [id, { touched, busy }] of this.#known) if (!busy && touched < old) await this.#remove(id)
  }

  list(user: UserId): readonly Upload[] {
    return [...this.#known.values()].filter(({ record }) => record.user === user).map(shown)
  }

  /** @throws transfer.upload_not_found */
  get(id: string, user: UserId): Upload {
    return shown(this.#demand(id, user))
  }

  /** Begins one. Room for all of it is taken at once. @throws transfer.cache_full */
  async create(
    wish: Pick<Upload, 'name' | 'size'> & { readonly sha256?: string | undefined; readonly user: UserId },
  ): Promise<Upload> {
    const { room, clock, folder } = this.#ports
    const id = newOwnId<'upload'>()
    const { name, size, user, sha256 } = wish
    const record: Kept = { id, name, size, user, created: clock.now(), ...(sha256 === undefined ? {} : { sha256 }) }
    room.take(size)
    try {
      await mkdir(join(folder, id), { mode: 0o700 })
      await using file = await open(this.#dataPath(id), 'wx', 0o600)
      await file.sync()
      // The record last: a folder without it is no upload.
      writeWhole(this.#recordPath(id), JSON.stringify(record))
    } catch (error) {
      room.give(size)
      await rm(join(folder, id), { recursive: true, force: true })
      throw error
    }
    const known: Known = { record, offset: 0, touched: clock.now(), busy: false }
    this.#known.set(id, known)
    return shown(known)
  }

  /** Adds bytes at the end. What came before a break is kept. @throws transfer.wrong_offset, upload_busy, upload_too_long, what the stream throws */
  async append(
    id: string,
    user: UserId,
    { offset, bytes }: { readonly offset: number; readonly bytes: ByteStream },
  ): Promise<Upload> {
    return await this.#busy(id, user, async (known) => {
      if (offset !== known.offset) throw transferErrors.wrong_offset({ id, offset: known.offset, given: offset })
      await using file = await open(this.#dataPath(id), 'r+')
      let end = known.offset
      try {
        for await (const part of bytes) {
          if (end + part.length > known.record.size)
            throw transferErrors.upload_too_long({ id, size: known.record.size })
          await writeAll(file, part, end)
          end += part.length
        }
      } finally {
        await file.sync()
        known.offset = end
        known.touched = this.#ports.clock.now()
      }
      return shown(known)
    })
  }

  /** Uses a complete upload; it is removed when `work` has succeeded. @throws transfer.upload_incomplete, upload_busy */
  async use<T>(
    id: string,
    user: UserId,
    work: (file: Incoming & { readonly sha256: string | undefined }) => Promise<T>,
  ): Promise<T> {
    const result = await this.#busy(id, user, async ({ record, offset }) => {
      this.demandComplete(id, user)
      const path = this.#dataPath(id)
      return await work({
        what: `The upload "${record.name}"`,
        length: offset,
        sha256: record.sha256,
        bytes: () => read(path),
      })
    })
    await this.#remove(id)
    return result
  }

  /** @throws transfer.upload_incomplete */
  demandComplete(id: string, user: UserId): Upload {
    const upload = this.get(id, user)
    const { offset, size } = upload
    if (offset < size) throw transferErrors.upload_incomplete({ id, offset, size })
    return upload
  }

  async remove(id: string, user: UserId): Promise<void> {
    await this.#busy(id, user, async () => undefined)
    await this.#remove(id)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#rounds
  }

  /** Others' uploads are not there. */
  #demand(id: string, user: UserId): Known {
    const known = this.#known.get(id)
    if (!known || known.record.user !== user) throw transferErrors.upload_not_found({ id })
    return known
  }

  async #busy<T>(id: string, user: UserId, work: (known: Known) => Promise<T>): Promise<T> {
    const known = this.#demand(id, user)
    if (known.busy) throw transferErrors.upload_busy({ id })
    known.busy = true
    try {
      return await work(known)
    } finally {
      known.busy = false
    }
  }

  async #remove(id: string): Promise<void> {
    const known = this.#known.get(id)
    if (!known) return
    this.#known.delete(id)
    await rm(join(this.#ports.folder, id), { recursive: true, force: true })
    this.#ports.room.give(known.record.size)
  }

  #recordPath(id: string): string {
    return join(this.#ports.folder, id, 'upload.json')
  }

  #dataPath(id: string): string {
    return join(this.#ports.folder, id, 'data')
  }
}

function shown({ record, offset, touched }: Known): Upload {
  return { ...record, offset, expires: touched + kept }
}

const readLength = 1024 * 1024

/** A file in parts of their own memory. */
async function* read(path: string): AsyncGenerator<Uint8Array> {
  await using file = await open(path, 'r')
  for (let position = 0; ;) {
    const part = new Uint8Array(readLength)
    const { bytesRead } = await file.read(part, 0, readLength, position)
    if (bytesRead === 0) return
    yield part.subarray(0, bytesRead)
    position += bytesRead
  }
}
