import { readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { createLocalFile } from '@nixen/disk'
import { removeDurable, writeDurable } from '../file-sr/durable.ts'
import { setCbtChild } from '../file-sr/journal.ts'
import { cbtBitmapLength, decodeCbtLog, encodeCbtLog, LiveCbtLog, type CbtContent } from './cbt-log.ts'

/** The logs of changed blocks of an SR: which disks have one, and how each is made, changed and removed on disk. */
export class CbtLogs {
  readonly #directory: string
  readonly #uuids: Set<string>

  constructor(directory: string, uuids: Set<string>) {
    this.#directory = directory
    this.#uuids = uuids
  }

  has(uuid: string): boolean {
    return this.#uuids.has(uuid)
  }

  [Symbol.iterator](): Iterator<string> {
    return this.#uuids.values()
  }

  /** Counts a log that is there, or no longer counts one that is gone. */
  note(uuid: string, exists: boolean): void {
    if (exists) this.#uuids.add(uuid)
    else this.#uuids.delete(uuid)
  }

  async read(uuid: string): Promise<CbtContent> {
    return decodeCbtLog(await readFile(this.#path(uuid)))
  }

  /** Begins to follow the writes to a disk. */
  async follow(uuid: string): Promise<LiveCbtLog> {
    return await LiveCbtLog.open(this.#path(uuid))
  }

  /** CBT on: an empty log, the first of its chain. */
  async create(uuid: string, size: number): Promise<void> {
    const bits = new Uint8Array(cbtBitmapLength(size))
    const content = encodeCbtLog({ parent: undefined, child: undefined, consistent: true, size, bits })
    await writeDurable(this.#path(uuid), content)
    this.#uuids.add(uuid)
  }

  async grow(uuid: string, size: number): Promise<void> {
    await writeDurable(this.#path(uuid), encodeCbtLog({ ...(await this.read(uuid)), size }))
  }

  /** CBT off: the chain of logs ends at the one before. */
  async drop(uuid: string): Promise<void> {
    const { parent } = await this.read(uuid)
    await removeDurable(this.#path(uuid))
    this.#uuids.delete(uuid)
    if (parent !== undefined) await setCbtChild(this.#directory, parent, undefined)
  }

  /** For a copy of a disk of that size: the copy's log beside the disk's, and an empty one for the disk under the name `.new`. */
  async prepareFork(from: string, uuid: string, size: number): Promise<void> {
    const log = await this.read(from)
    await writeDurable(this.#path(uuid), encodeCbtLog({ ...log, child: from, consistent: true }))
    const bits = new Uint8Array(cbtBitmapLength(size))
    await using file = await createLocalFile(`${this.#path(from)}.new`, { direct: false, replace: true })
    await file.write(0, encodeCbtLog({ parent: uuid, child: log.child, consistent: true, size, bits }))
    await file.commit()
  }

  async commitFork(from: string, uuid: string): Promise<void> {
    const { parent } = await this.read(uuid)
    if (parent !== undefined) await setCbtChild(this.#directory, parent, uuid)
    await rename(`${this.#path(from)}.new`, this.#path(from))
  }

  #path(uuid: string): string {
    return join(this.#directory, `${uuid}.cbtlog`)
  }
}
