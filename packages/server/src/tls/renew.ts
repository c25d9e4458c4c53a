import { Server as TlsServer } from 'node:tls'
import { messageOf, type Clock, type Log } from '@nixen/core'
import type { FastifyInstance } from 'fastify'
import type { Settings } from '../config/settings.ts'
import { provideTls } from './provide.ts'
import type { ServedTls } from './served.ts'

/** How often the certificate is looked at, milliseconds. */
const usualInterval = 6 * 3_600_000

export interface RenewOptions {
  readonly tls: ServedTls
  readonly folder: string
  readonly settings: Settings
  readonly clock: Clock
  readonly log: Log
  /** Told of each new certificate. */
  readonly onServed?: (tls: ServedTls) => void
  /** How often the certificate is looked at, milliseconds; six hours when left out. */
  readonly interval?: number
}

/**
 * Serves a new certificate without a restart when the self-made one nears its end or lacks a name, or when the files of one's own
 * were replaced. Connections that are open go on.
 */
export function keepRenewed(app: FastifyInstance, options: RenewOptions): Disposable {
  const { folder, settings, clock, log, onServed, interval = usualInterval } = options
  let { fingerprint } = options.tls
  let looking = false
  const look = async (): Promise<void> => {
    if (looking) return
    looking = true
    try {
      const tls = await provideTls({ folder, settings, now: clock.now() })
      if (!tls || tls.fingerprint === fingerprint || !(app.server instanceof TlsServer)) return
      app.server.setSecureContext({ cert: tls.cert, key: tls.key, minVersion: 'TLSv1.2' })
      fingerprint = tls.fingerprint
      onServed?.(tls)
      log.info('serving a new certificate', { fingerprint })
    } catch (error) {
      // The old one stays in use; the next look may find it mended.
      log.error('the certificate cannot be renewed', { message: messageOf(error) })
    } finally {
      looking = false
    }
  }
  const timer = setInterval(() => void look(), interval)
  timer.unref()
  return { [Symbol.dispose]: () => clearInterval(timer) }
}
