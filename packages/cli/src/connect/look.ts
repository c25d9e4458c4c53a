import { connect } from 'node:tls'
import { isIP } from 'node:net'
import type { NixenContext } from '../context.ts'

/** What a server shows before anything is sent to it. */
export interface Certificate {
  /** SHA-256, hexadecimal with colons. */
  readonly fingerprint: string
  /** Whether a known authority signed it for this name. */
  readonly trusted: boolean
  readonly subject: string
  /** Epoch milliseconds. */
  readonly validTo: number
}

/** Gets the certificate of a server; `undefined` for plain HTTP. Rejects when nothing answers, after 10 s at the most. */
export async function lookAtCertificate({ signal }: NixenContext, url: URL): Promise<Certificate | undefined> {
  if (url.protocol !== 'https:') return undefined
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const { promise, resolve, reject } = Promise.withResolvers<Certificate | undefined>()
  const socket = connect({
    host,
    port: Number(url.port || 443),
    rejectUnauthorized: false,
    // Names only: an address is no server name (RFC 6066 §3).
    ...(isIP(host) === 0 ? { servername: host } : {}),
  })
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(10_000)])
  const onAbort = (): void => reject(deadline.reason as Error)
  deadline.addEventListener('abort', onAbort, { once: true })
  socket.once('error', reject)
  socket.once('secureConnect', () => {
    const found = socket.getPeerX509Certificate()
    resolve(
      found && {
        fingerprint: found.fingerprint256,
        trusted: socket.authorized,
        subject: found.subject,
        validTo: found.validToDate.getTime(),
      },
    )
  })
  try {
    return await promise
  } finally {
    deadline.removeEventListener('abort', onAbort)
    socket.destroy()
  }
}
