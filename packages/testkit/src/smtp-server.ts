import type { AddressInfo } from 'node:net'
import { SMTPServer } from 'smtp-server'
import type { TestCertificate } from './tls.ts'

/** A message that the server took. */
export interface TakenMail {
  readonly from: string
  readonly to: readonly string[]
  /** Headers and body as they came. */
  readonly raw: string
  readonly secure: boolean
  /** Who had logged in. */
  readonly user: string | undefined
}

export interface TestSmtpOptions {
  /** `tls` from the first byte, `starttls` when asked for, or `none`. */
  readonly security: 'tls' | 'starttls' | 'none'
  readonly certificate?: TestCertificate
  /** Who may send; anybody when left out. */
  readonly user?: { readonly name: string; readonly password: string }
  /** Says no to a message, with this code and text. */
  readonly refuse?: () => { readonly code: number; readonly text: string } | undefined
  /** Receivers that are not taken. */
  readonly unknown?: readonly string[]
}

/** A mail server on loopback: the npm package smtp-server, which is not ours. */
export interface TestSmtp extends AsyncDisposable {
  readonly port: number
  readonly taken: readonly TakenMail[]
}

export async function startSmtp({
  security,
  certificate,
  user,
  refuse,
  unknown = [],
}: TestSmtpOptions): Promise<TestSmtp> {
  const taken: TakenMail[] = []
  const server = new SMTPServer({
    secure: security === 'tls',
    // Hiding it alone would still do it for who asks.
    disabledCommands: security === 'none' ? ['STARTTLS'] : [],
    authOptional: user === undefined,
    allowInsecureAuth: security === 'none',
    disableReverseLookup: true,
    logger: false,
    ...(certificate ? { cert: certificate.cert, key: certificate.key } : {}),
    onAuth({ username, password }, _session, done) {
      if (username === user?.name && password === user?.password) done(null, { user: username })
      else done(new Error('Wrong user or password'))
    },
    onRcptTo({ address }, _session, done) {
      if (unknown.includes(address)) done(Object.assign(new Error('No such mailbox'), { responseCode: 550 }))
      else done()
    },
    onData(stream, session, done) {
      const parts: Buffer[] = []
      stream.on('data', (part: Buffer) => void parts.push(part))
      stream.on('end', () => {
        const no = refuse?.()
        if (no) return done(Object.assign(new Error(no.text), { responseCode: no.code }))
        const { mailFrom, rcptTo } = session.envelope
        taken.push({
          from: mailFrom === false ? '' : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          raw: Buffer.concat(parts).toString('utf8'),
          secure: session.secure,
          user: session.user === undefined ? undefined : String(session.user),
        })
        done(null, 'queued as TEST1')
      })
    },
  })
  // A client that distrusts the certificate breaks off: the test sees it at its end.
  server.on('error', () => undefined)
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const { port } = server.server.address() as AddressInfo
  return {
    port,
    taken,
    [Symbol.asyncDispose]: async () => await new Promise<void>((resolve) => server.close(() => resolve())),
  }
}
