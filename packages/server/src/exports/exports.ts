import {
  exportErrors,
  newOwnId,
  parsePointId,
  type ExportCredentials,
  type ExportedDisk,
  type ExportId,
  type ExportWish,
  type Point,
  type PointExport,
  type VmId,
} from '@nixen/api'
import { isAppError, messageOf, type Clock, type Log } from '@nixen/core'
import type { Repositories } from '../repositories/repositories.ts'
import { ownNames } from '../tls/self-signed.ts'
import type { ExportServing } from '../worker/operations/export.ts'
import { makeCredentials } from './credentials.ts'
import type { ExportFiles, StoredExport } from './export-files.ts'

export interface ExportsPorts {
  readonly repositories: Pick<Repositories, 'run'>
  readonly files: ExportFiles
  readonly clock: Clock
  readonly log: Log
}

/** A new export. */
export interface ExportRequest {
  readonly point: Point
  /** Paths in the restore point. */
  readonly disks: readonly string[]
  readonly wish: Pick<ExportWish, 'writable' | 'over' | 'address' | 'port'>
  readonly by?: string | undefined
  /** A VM is started from it: it goes if that does not come about. */
  readonly forVm?: boolean | undefined
}

/** Milliseconds before an export that has failed is tried again. */
const again = 10_000
/** Longest path of a unix socket in bytes (`sun_path` of Linux without its final zero; unix(7)). */
const longestPath = 107

/** An export while the server runs. */
interface Running {
  stored: StoredExport
  readonly stop: AbortController
  /** Resolves when its worker has ended for good. */
  ended: Promise<void>
  serving?: ExportServing | undefined
  error?: string | undefined
}

/**
 * Disks of restore points that NBD clients can open. An export is kept on disk and goes on after a restart, at the same place and with what was
 * written to it: something may run from it.
 */
export class Exports implements AsyncDisposable {
  readonly #ports: ExportsPorts
  readonly #running = new Map<ExportId, Running>()

  constructor(ports: ExportsPorts) {
    this.#ports = ports
  }

  /** Goes on with those that are kept; does not wait for any. */
  async start(): Promise<void> {
    for (const stored of await this.#ports.files.load()) {
      // The start of its VM was interrupted, and is taken back.
      if (stored.runs === 'starting') await this.#ports.files.remove(stored.id)
      else this.#begin(stored)
    }
  }

  async list(): Promise<readonly PointExport[]> {
    return await Promise.all([...this.#running.values()].map(async (one) => await this.#show(one)))
  }

  /** @throws export.not_found */
  async get(id: ExportId): Promise<PointExport> {
    return await this.#show(this.#demand(id))
  }

  /** Answers when clients can connect. @throws export.failed, export.path_too_long, repository.* */
  async create(request: ExportRequest): Promise<{ export: PointExport; credentials?: ExportCredentials }> {
    const { files, clock } = this.#ports
    const { point, disks, wish, by, forVm = false } = request
    const id: ExportId = newOwnId<'export'>()
    const socket = files.socketOf(id)
    if (wish.over === 'unix' && Buffer.byteLength(socket) > longestPath) {
      throw exportErrors.path_too_long({ path: socket })
    }
    const { address, port } = wish
    const made = wish.over === 'tls' ? await makeCredentials(ownNames([address]), clock.now()) : undefined
    const stored: StoredExport = {
      id,
      point: point.id,
      vm: point.name,
      taken: point.time,
      disks: disks.map((path, at) => ({ path, name: disks.length === 1 ? id : `${id}-${at}` })),
      writable: wish.writable,
      listen: wish.over === 'tls' ? { kind: 'tls', address, port } : { kind: 'unix' },
      ...(made ? { tls: made.server } : {}),
      ...(by === undefined ? {} : { by }),
      ...(forVm ? { runs: 'starting' as const } : {}),
      created: clock.now(),
    }
    await files.save(stored)
    const listening = Promise.withResolvers<void>()
    const running = this.#begin(stored, listening)
    try {
      await listening.promise
      const bound = running.serving?.port
      // A port that was free stays its own, so that clients find it after a restart.
      if (stored.listen.kind === 'tls' && bound !== undefined) {
        running.stored = { ...stored, listen: { ...stored.listen, port: bound } }
        await files.save(running.stored)
      }
    } catch (error) {
      await this.remove(id)
      if (isAppError(error) && !error.code.startsWith('nbd.')) throw error
      throw exportErrors.failed({ point: point.id, reason: messageOf(error) }, { cause: error })
    }
    return { export: await this.#show(running), ...(made ? { credentials: made.client } : {}) }
  }

  /** Notes the VM that runs from an export. */
  async bind(id: ExportId, runs: VmId): Promise<void> {
    const running = this.#demand(id)
    running.stored = { ...running.stored, runs }
    await this.#ports.files.save(running.stored)
  }

  /** Ends an export, and throws away what was written to it. @throws export.not_found */
  async remove(id: ExportId): Promise<void> {
    const running = this.#demand(id)
    running.stop.abort(new DOMException('the export was removed', 'AbortError'))
    await running.ended
    await this.#ports.files.remove(id)
    this.#running.delete(id)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { stop } of this.#running.values()) stop.abort(new DOMException('the server stops', 'AbortError'))
    await Promise.all([...this.#running.values()].map(({ ended }) => ended))
  }

  #demand(id: ExportId): Running {
    const found = this.#running.get(id)
    if (!found) throw exportErrors.not_found({ id })
    return found
  }

  #begin(stored: StoredExport, first?: PromiseWithResolvers<void>): Running {
    const running: Running = { stored, stop: new AbortController(), ended: Promise.resolve() }
    this.#running.set(stored.id, running)
    running.ended = this.#keepServing(running, first)
    return running
  }

  /** Serves until it is stopped. The first failure of a new export is its end; later ones pass: a share is unmounted for a while, a worker killed. */
  async #keepServing(running: Running, first: PromiseWithResolvers<void> | undefined): Promise<void> {
    const { clock, log } = this.#ports
    const { signal } = running.stop
    while (!signal.aborted) {
      try {
        await this.#serve(running, first)
        running.error = 'it ended by itself'
      } catch (error) {
        if (signal.aborted) return
        running.error = messageOf(error)
        if (first && !running.serving) return first.reject(error)
        log.warn('an export failed and is tried again', { export: running.stored.id, reason: running.error })
      }
      running.serving = undefined
      await clock.sleep(again, { signal }).catch(() => undefined)
    }
  }

  async #serve(running: Running, first: PromiseWithResolvers<void> | undefined): Promise<void> {
    const { repositories, files } = this.#ports
    const { id, point, disks, writable, listen, tls } = running.stored
    const parts = parsePointId(point)
    if (!parts) throw new TypeError(`${point} is no restore point.`)
    const input = {
      snapshot: parts.snapshot,
      disks: disks.map(({ path, name }, at) => ({
        path,
        name,
        overlay: writable ? files.overlayOf(id, at) : undefined,
      })),
      listen:
        listen.kind === 'unix'
          ? { socketPath: files.socketOf(id), group: files.socketGroup }
          : { host: listen.address, port: listen.port },
      tls,
    }
    await repositories.run('export', parts.repository, input, {
      signal: running.stop.signal,
      items: ([serving]) => {
        running.serving = serving
        running.error = undefined
        first?.resolve()
      },
    })
  }

  async #show({ stored, serving, error }: Running): Promise<PointExport> {
    const { id, point, vm, taken, disks, writable, listen, by, created, runs } = stored
    const { files } = this.#ports
    const sizes = new Map(serving?.disks.map(({ path, size }) => [path, size]))
    const shown = async ({ path, name }: StoredExport['disks'][number], at: number): Promise<ExportedDisk> => {
      const url = urlOf(listen, { name, socket: files.socketOf(id), port: serving?.port })
      const disk = { path, name, size: sizes.get(path) ?? 0, url }
      return writable ? { ...disk, overlay: await files.overlayBytes(id, at) } : disk
    }
    return {
      id,
      point,
      vm,
      taken,
      disks: await Promise.all(disks.map(shown)),
      writable,
      over: listen.kind,
      state: serving ? 'serving' : error === undefined ? 'starting' : 'failed',
      ...(error === undefined ? {} : { error }),
      ...(runs === undefined || runs === 'starting' ? {} : { runs }),
      ...(by === undefined ? {} : { by }),
      created,
    }
  }
}

/** As libnbd and QEMU take it. */
function urlOf(
  listen: StoredExport['listen'],
  { name, socket, port }: { readonly name: string; readonly socket: string; readonly port: number | undefined },
): string {
  if (listen.kind === 'unix') return `nbd+unix:///${name}?socket=${encodeURI(socket)}`
  const host = listen.address.includes(':') ? `[${listen.address}]` : listen.address
  return `nbds://${host}:${port ?? listen.port}/${name}`
}
