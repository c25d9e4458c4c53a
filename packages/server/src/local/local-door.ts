import { chmodSync, existsSync, mkdirSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { messageOf, type Log } from '@nixen/core'
import type { FastifyInstance } from 'fastify'
import { serverErrors } from '../errors.ts'

/** Longest path of a unix socket in bytes (`sun_path` of Linux without its final zero; unix(7)). */
const longestPath = 107

/** Who came in by the local door: sockets that only the owner of the state directory, and root, can open. */
export class LocalSockets {
  readonly #sockets = new WeakSet<Socket>()

  add(socket: Socket): void {
    this.#sockets.add(socket)
  }

  has(socket: Socket): boolean {
    return this.#sockets.has(socket)
  }
}

export interface LocalDoorOptions {
  readonly app: FastifyInstance
  readonly sockets: LocalSockets
  /** Folder for the socket, for its owner only. */
  readonly folder: string
  /** With a slash at its end. */
  readonly basePath: string
  readonly log: Log
  /** Requests that leave HTTP: taken by the app as its own. */
  readonly isUpgrade: (request: IncomingMessage) => boolean
}

/** The door while it is open. */
export interface LocalDoor extends AsyncDisposable {
  /** Path of the socket; absent when there is none, for which the log has the reason. */
  readonly path: string | undefined
}

/** Where the local door of a state directory is, whether a server runs there or not. */
export function localSocketOf(stateDir: string): string {
  return join(stateDir, 'run', 'socket')
}

/**
 * Opens a unix socket on which whoever can open it is the administrator of this machine: they could read the keys and change the database
 * as well. It lies in a folder of mode 0700 made before it, so at no moment can another user open it. The API is below `/` there,
 * whatever the base path.
 *
 * @throws server.state_unusable
 */
export async function openLocalDoor({
  app,
  sockets,
  folder,
  basePath,
  log,
  isUpgrade,
}: LocalDoorOptions): Promise<LocalDoor> {
  const path = join(folder, 'socket')
  if (Buffer.byteLength(path) > longestPath) {
    log.warn('no local socket: its path would be too long, use a shorter --state', { path })
    return { path: undefined, [Symbol.asyncDispose]: async () => undefined }
  }
  const below = (request: IncomingMessage): IncomingMessage => {
    request.url = basePath + (request.url ?? '/').replace(/^\//, '')
    return request
  }
  const server = createServer({ shouldUpgradeCallback: isUpgrade }, (request, response) => {
    app.routing(below(request), response)
  })
  server.on('upgrade', (request, socket, head) => app.server.emit('upgrade', below(request), socket, head))
  server.on('connection', (socket) => sockets.add(socket))
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    chmodSync(folder, 0o700)
    // Left by a server that was killed: the lock of the state directory says that there is no other one.
    if (existsSync(path)) rmSync(path)
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(path, resolve))
  } catch (cause) {
    throw serverErrors.state_unusable({ path, reason: messageOf(cause) }, { cause })
  }
  return {
    path,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      await closed
    },
  }
}
