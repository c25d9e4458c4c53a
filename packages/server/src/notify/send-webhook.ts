import { createHmac } from 'node:crypto'
import type { ChannelTarget } from '@nixen/api'
import { post } from './http-post.ts'
import type { Envelope, SendOptions, Sent } from './message.ts'

/**
 * The value of `Nixen-Signature`: `v1=HEX` of HMAC-SHA256 over `TIMESTAMP.BODY` with the channel's secret. The time is inside, so that who
 * recorded a message cannot send it again later.
 */
export function signatureOf(secret: string, timestamp: number, body: string): string {
  return `v1=${createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex')}`
}

/** Posts one message as JSON. */
export async function sendWebhook(
  target: Extract<ChannelTarget, { kind: 'webhook' }>,
  { id, message }: Envelope,
  { signal, now }: SendOptions,
): Promise<Sent> {
  const { kind, severity, subject, text, url, at, data } = message
  const body = JSON.stringify({ id, kind, severity, subject, text, url, at, data })
  // Seconds, as others do.
  const timestamp = Math.floor(now / 1000)
  const headers = {
    'content-type': 'application/json; charset=utf-8',
    'nixen-delivery': id,
    'nixen-timestamp': String(timestamp),
    ...(target.secret === undefined ? {} : { 'nixen-signature': signatureOf(target.secret, timestamp, body) }),
  }
  return await post({ url: target.url, body, headers, ca: target.ca, signal })
}
