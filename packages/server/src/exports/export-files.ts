import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { ExportId, PointId, VmId } from '@nixen/api'
import { isRecord, messageOf, type Log } from '@nixen/core'
import type { Vault } from '../keys/master-key.ts'
import type { SocketFolder } from './socket-folder.ts'
import { writeWhole } from '../state/write-whole.ts'
import type { ServerCredentials } from './credentials.ts'

/** An export as it is kept, so that it goes on after a restart. */
export interface StoredExport {
  readonly id: ExportId
  readonly point: PointId
  readonly vm: string
  readonly taken: number
  readonly disks: readonly { readonly path: string; readonly name: string }[]
  readonly writable: boolean
  readonly listen: { readonly kind: 'unix' } | { readonly kind: 'tls'; readonly address: string; readonly port: number }
  readonly tls?: ServerCredentials | undefined
  readonly by?: string | undefined
  readonly created: number
  /** The VM that runs from it; `starting` before it is there. */
  readonly runs?: VmId | 'starting' | undefined
}

/** A folder for each export, below `exports/` of the state directory: what it is, and what was written to its disks. */
export class ExportFiles {
  readonly #folder: string
  readonly #vault: Vault
  readonly #log: Log
  readonly #sockets: SocketFolder | undefined

  constructor(
    folder: string,
    { vault, log, sockets }: { readonly vault: Vault; readonly log: Log; readonly sockets?: SocketFolder | undefined },
  ) {
    this.#sockets = sockets
    this.#folder = folder
    this.#vault = vault
    this.#log = log
  }

  /** All that are kept; one that cannot be read is left alone, and told. */
  async load(): Promise<StoredExport[]> {
    const names = await readdir(this.#folder).catch(() => [])
    const found: StoredExport[] = []
    for (const name of names) {
      try {
        const whole: unknown = JSON.parse(await readFile(join(this.#folder, name, 'export.json'), 'utf8'))
        if (!isRecord(whole) || whole['id'] !== name) throw new Error('it is something else')
        // Written by `save`.
        const { tls, ...stored } = whole as unknown as StoredExport & { readonly tls?: string }
        const opened = tls === undefined ? undefined : this.#vault.open(tls, `export:${name}:tls`)
        found.push({ ...stored, ...(opened === undefined ? {} : { tls: JSON.parse(opened) as ServerCredentials }) })
      } catch (error) {
        this.#log.warn('an export could not be read', { export: name, reason: messageOf(error) })
      }
    }
    return found
  }

  async save({ tls, ...stored }: StoredExport): Promise<void> {
    await mkdir(join(this.#folder, stored.id), { recursive: true, mode: 0o700 })
    const sealed = tls && this.#vault.seal(JSON.stringify(tls), `export:${stored.id}:tls`)
    writeWhole(join(this.#folder, stored.id, 'export.json'), JSON.stringify({ ...stored, tls: sealed }))
  }

  async remove(id: ExportId): Promise<void> {
    // What says that it is there goes last: a crash in between leaves an export that is removed once more.
    if (this.#sockets) await rm(this.socketOf(id), { force: true })
    await rm(join(this.#folder, id), { recursive: true, force: true })
  }

  /** The file that takes the writes to a disk. */
  overlayOf(id: ExportId, disk: number): string {
    return join(this.#folder, id, `disk-${disk}.overlay`)
  }

  /** Where clients find it on this machine. */
  socketOf(id: ExportId): string {
    return this.#sockets ? join(this.#sockets.path, id) : join(this.#folder, id, 'nbd')
  }

  /** The group that may open it. */
  get socketGroup(): number | undefined {
    return this.#sockets?.group
  }

  /** Bytes that writes to a disk take. */
  async overlayBytes(id: ExportId, disk: number): Promise<number> {
    const found = await stat(this.overlayOf(id, disk)).catch(() => undefined)
    return (found?.blocks ?? 0) * 512
  }
}
