import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { messageOf, type Clock } from '@nixen/core'
import type { ApplianceConfig } from './config.ts'

/** Whether Nixen answers. */
export type Health = { readonly ok: true } | { readonly ok: false; readonly reason: string }

/** Longest wait for one answer, milliseconds. */
const answerWithin = 10_000

/** Asks until it has answered well several times in a row, or the time is over. Pools that are not reached are no reason to go back. */
export async function waitForHealth(
  { url, timeout, successes, interval }: ApplianceConfig['health'],
  { clock, signal }: { readonly clock: Clock; readonly signal?: AbortSignal | undefined },
): Promise<Health> {
  const end = clock.monotonic() + timeout * 1000
  let reason = 'it was not asked'
  for (let inRow = 0; clock.monotonic() < end;) {
    const health = await ask(url)
    signal?.throwIfAborted()
    inRow = health.ok ? inRow + 1 : 0
    if (inRow >= successes) return { ok: true }
    if (!health.ok) ({ reason } = health)
    await clock.sleep(interval * 1000, { signal })
  }
  return { ok: false, reason: `Nixen did not answer at ${url} within ${timeout} s (${reason}).` }
}

/** One question. The certificate is the machine's own, and the way is the loopback: it is not judged. */
export async function ask(url: string): Promise<Health> {
  const request = url.startsWith('https:') ? httpsRequest : httpRequest
  const { promise, resolve } = Promise.withResolvers<Health>()
  const call = request(
    url,
    { rejectUnauthorized: false, agent: false, signal: AbortSignal.timeout(answerWithin) },
    (response) => {
      response.resume()
      const { statusCode = 0 } = response
      resolve(statusCode === 200 ? { ok: true } : { ok: false, reason: `status ${statusCode}` })
    },
  )
  call.on('error', (error) => resolve({ ok: false, reason: messageOf(error) }))
  call.end()
  return await promise
}
