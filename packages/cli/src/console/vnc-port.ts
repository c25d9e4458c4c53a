import { createServer, type AddressInfo, type Socket } from 'node:net'
import { pipeline } from 'node:stream/promises'
import { systemCode } from '@nixen/core'
import { createWebSocketStream, type WebSocket } from 'ws'
import { consoleCliErrors } from './errors.ts'

export interface VncPortOptions {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  /** Opens the console once more, for one viewer. */
  readonly open: () => Promise<WebSocket>
  /** Told why a viewer got no console, or lost it. */
  readonly onFailure: (error: unknown) => void
}

/** A port that VNC viewers connect to, until it is disposed of. */
export interface VncPort extends AsyncDisposable {
  readonly address: string
}

/** Listens for VNC viewers, each of which gets a console of its own. Errors: `cli.cannot_listen` */
export async function openVncPort({ host, port, open, onFailure }: VncPortOptions): Promise<VncPort> {
  const viewers = new Set<Socket>()
  const show = async (viewer: Socket): Promise<void> => {
    try {
      const console = createWebSocketStream(await open())
      await pipeline(viewer, console, viewer)
    } catch (error) {
      viewer.destroy()
      // A viewer that is closed breaks its stream.
      if (!['ERR_STREAM_PREMATURE_CLOSE', 'ECONNRESET', 'EPIPE'].includes(systemCode(error) ?? '')) onFailure(error)
    }
  }
  const server = createServer((viewer) => {
    viewers.add(viewer)
    viewer.on('error', () => viewer.destroy())
    viewer.once('close', () => viewers.delete(viewer))
    // It tells its failures itself.
    void show(viewer)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => {
      reject(
        consoleCliErrors.cannot_listen(
          { address: `${host}:${port}`, reason: systemCode(cause) ?? cause.message },
          { cause },
        ),
      )
    })
    server.listen(port, host, resolve)
  })
  // A TCP server has an address of this form.
  const at = server.address() as AddressInfo
  return {
    address: at.family === 'IPv6' ? `[${at.address}]:${at.port}` : `${at.address}:${at.port}`,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => void server.close(() => resolve()))
      for (const viewer of viewers) viewer.destroy()
      await closed
    },
  }
}
