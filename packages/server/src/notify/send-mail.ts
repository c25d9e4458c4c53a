import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { ChannelTarget } from '@nixen/api'
import { messageOf } from '@nixen/core'
import type SMTPTransport from 'nodemailer/lib/smtp-transport/index.js'
import { answerLine, type Envelope, type SendOptions, type Sent } from './message.ts'

type MailTarget = Extract<ChannelTarget, { kind: 'email' }>
const usualPorts = { tls: 465, starttls: 587, none: 25 } as const

/** The port of a mail server, the usual one of its security when none is set. */
export function mailPort({ port, security }: Pick<MailTarget, 'port' | 'security'>): number {
  return port ?? usualPorts[security]
}

/** Hands one message to a mail server. STARTTLS that was asked for is never done without (RFC 3207 §6). */
export async function sendMail(target: MailTarget, envelope: Envelope, { signal }: SendOptions): Promise<Sent> {
  // Much code, and most servers send nothing for hours.
  const { createTransport } = await import('nodemailer')
  const socket = connect({ host: target.host, port: mailPort(target) })
  // Whatever is above it ends with it, also in the middle of a slow answer.
  const stop = (): void => void socket.destroy(new Error(reasonOf(signal)))
  signal.addEventListener('abort', stop, { once: true })
  try {
    signal.throwIfAborted()
    await once(socket, 'connect', { signal })
    const info = await createTransport(optionsOf(target, socket)).sendMail({
      from: target.from,
      to: [...target.to],
      subject: envelope.message.subject,
      text: envelope.message.text,
      html: envelope.message.html,
      date: new Date(envelope.message.at),
      messageId: `<${envelope.id}@${domainOf(target.from)}>`,
      priority: envelope.message.severity === 'critical' ? 'high' : 'normal',
      // RFC 3834 §5: nobody's holiday answer comes back.
      headers: { 'Auto-Submitted': 'auto-generated', 'X-Nixen-Kind': envelope.message.kind },
    })
    const refused = info.rejected.length > 0 ? ` Not taken for ${info.rejected.map(String).join(', ')}.` : ''
    return { ok: true, answer: answerLine(`${info.response}${refused}`) }
  } catch (error) {
    const reason = signal.aborted ? reasonOf(signal) : messageOf(error)
    return { ok: false, answer: answerLine(reason) }
  } finally {
    signal.removeEventListener('abort', stop)
    socket.destroy()
  }
}

function optionsOf(target: MailTarget, connection: Socket): SMTPTransport.Options {
  const { host, security, username, password, ca } = target
  return {
    host,
    port: mailPort(target),
    connection,
    secure: security === 'tls',
    requireTLS: security === 'starttls',
    ignoreTLS: security === 'none',
    ...(username === undefined ? {} : { auth: { user: username, pass: password ?? '' } }),
    tls: { minVersion: 'TLSv1.2', ...(ca === undefined ? {} : { ca }) },
    // Messages hold text of objects: nothing of it may name a file or an address to be fetched.
    disableFileAccess: true,
    disableUrlAccess: true,
  }
}

/** The domain of the sender: mail servers look at that of an id too. */
function domainOf(from: string): string {
  return /@([^\s<>@]+)>?$/.exec(from)?.[1] ?? 'nixen.invalid'
}

function reasonOf({ reason }: AbortSignal): string {
  if (reason instanceof Error && reason.name === 'TimeoutError') return 'The mail server did not answer in time.'
  return messageOf(reason)
}
