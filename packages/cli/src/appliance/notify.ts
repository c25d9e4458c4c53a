import { createHmac } from 'node:crypto'
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { messageOf, retry } from '@nixen/core'
import type { ApplianceConfig } from './config.ts'
import type { PastRun } from './journal.ts'

/** What others are told of a run. */
export interface Notice {
  readonly subject: string
  readonly body: string
  /** As ntfy counts, in words. */
  readonly priority: 'success' | 'info' | 'warning' | 'critical'
}

const priorities = { success: 2, info: 2, warning: 4, critical: 5 } as const
const tags = { success: 'white_check_mark', info: 'information_source', warning: 'warning', critical: 'rotating_light' }
/** Longest wait for one server, milliseconds. */
const within = 15_000

/** What a run is worth telling; undefined when it is not. */
export function noticeOf(run: PastRun, { host, notify }: ApplianceConfig): Notice | undefined {
  const failed = run.outcome !== 'updated' && run.outcome !== 'unchanged'
  if (!failed && (notify.on === 'failure' || (notify.on === 'change' && run.outcome === 'unchanged'))) return undefined
  const words = { updated: 'updated', unchanged: 'is up to date', failed: 'could not be updated' } as const
  const said =
    run.outcome === 'rolled-back' || run.outcome === 'interrupted' ? 'went back to what it ran' : words[run.outcome]
  const priority =
    run.outcome === 'rolled-back' ? 'critical' : failed ? 'warning' : run.outcome === 'updated' ? 'success' : 'info'
  return { subject: `${host} ${said} (${run.kind})`, body: run.message, priority }
}

/** Tells everybody who is to be told. A channel that fails keeps none of the others from it; what failed is returned. */
export async function tell(notice: Notice, run: PastRun, { notify }: ApplianceConfig): Promise<readonly string[]> {
  const { ntfy, webhook, email } = notify
  const channels = [
    ...(ntfy ? [{ name: 'ntfy', send: async () => await sendNtfy(notice, ntfy) }] : []),
    ...(webhook ? [{ name: 'webhook', send: async () => await sendWebhook(notice, run, webhook) }] : []),
    ...(email ? [{ name: 'e-mail', send: async () => await sendMail(notice, email) }] : []),
  ]
  const failures = channels.map(async ({ name, send }) => {
    try {
      await retry(send, { attempts: 4, base: 500, when: () => true })
      return []
    } catch (error) {
      return [`${name}: ${messageOf(error)}`]
    }
  })
  return (await Promise.all(failures)).flat()
}

type Of<K extends keyof ApplianceConfig['notify']> = Extract<ApplianceConfig['notify'][K], object>

async function sendNtfy({ subject, body, priority }: Notice, { url, tokenFile }: Of<'ntfy'>): Promise<void> {
  const token = tokenFile === null ? {} : { authorization: `Bearer ${readFileSync(tokenFile, 'utf8').trim()}` }
  // ntfy takes titles beyond ASCII in a header only as RFC 2047 words: host names and our own words are ASCII.
  const title = subject.replaceAll(/[^\x20-\x7E]/g, '?')
  await post(url, body, { title, priority: String(priorities[priority]), tags: tags[priority], ...token })
}

/** The three fields that NiXOA's webhooks have, and the run. Signed as `Nixen-Signature: v1=HMAC-SHA256(secret, TIMESTAMP.BODY)`. */
async function sendWebhook(notice: Notice, run: PastRun, { url, secretFile }: Of<'webhook'>): Promise<void> {
  const body = JSON.stringify({ version: 1, ...notice, run })
  const timestamp = String(Math.floor(run.endedAt / 1000))
  const secret = secretFile === null ? undefined : readFileSync(secretFile, 'utf8').trim()
  const signature =
    secret === undefined ? undefined : createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex')
  await post(url, body, {
    'content-type': 'application/json; charset=utf-8',
    'nixen-delivery': run.id,
    'nixen-timestamp': timestamp,
    ...(signature === undefined ? {} : { 'nixen-signature': `v1=${signature}` }),
  })
}

async function post(url: string, body: string, headers: Readonly<Record<string, string>>): Promise<void> {
  const signal = AbortSignal.timeout(within)
  // Tokens go to the address that was configured, and nowhere that it points to.
  const response = await fetch(url, { method: 'POST', body, headers, redirect: 'manual', signal })
  await response.body?.cancel()
  if (!response.ok) throw new Error(`${new URL(url).host} answered ${response.status}.`)
}

async function sendMail({ subject, body, priority }: Notice, { from, to, sendmail }: Of<'email'>): Promise<void> {
  const plain = (text: string): string => text.replaceAll(/[\r\n]+/g, ' ')
  const head = [
    `From: ${plain(from)}`,
    `To: ${plain(to.join(', '))}`,
    `Subject: =?utf-8?B?${Buffer.from(plain(subject)).toString('base64')}?=`,
    `X-Priority: ${priority === 'critical' ? 1 : 3}`,
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: base64',
  ]
  const encoded = Buffer.from(`${body}\n`).toString('base64').replaceAll(/.{76}/g, '$&\n')
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const child = spawn(sendmail, ['-t', '-i'], { stdio: ['pipe', 'ignore', 'inherit'], timeout: 60_000 })
  child.on('error', reject)
  child.on('close', (code) => (code === 0 ? resolve() : reject(new Error(`${sendmail} ended with ${code}.`))))
  child.stdin.on('error', () => undefined)
  child.stdin.end(`${head.join('\n')}\n\n${encoded}\n`)
  await promise
}
