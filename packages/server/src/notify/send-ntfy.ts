import type { ChannelTarget } from '@nixen/api'
import { post } from './http-post.ts'
import type { Envelope, Message, SendOptions, Sent } from './message.ts'

const priorities = { critical: 5, warning: 4, info: 3, ok: 3 } as const
const tags = {
  critical: 'rotating_light',
  warning: 'warning',
  info: 'information_source',
  ok: 'white_check_mark',
} as const
/** Longer ones become an attachment; bytes (docs.ntfy.sh, limitations: 4,096). */
const longest = 3900

/** What ntfy is told, published as JSON to the address above the topic, where any letter may be in it. */
export function ntfyBody(topic: string, message: Message, priority?: number): Readonly<Record<string, unknown>> {
  return {
    topic,
    title: message.subject,
    message: shorten(message.text, longest),
    priority: priority ?? priorities[message.severity],
    tags: [tags[message.severity]],
    ...(message.url === undefined ? {} : { click: message.url }),
  }
}

/** Publishes one message on a topic of ntfy. */
export async function sendNtfy(
  target: Extract<ChannelTarget, { kind: 'ntfy' }>,
  { message }: Envelope,
  { signal }: SendOptions,
): Promise<Sent> {
  const { topic, base } = splitTopic(target.url)
  const headers = {
    'content-type': 'application/json; charset=utf-8',
    ...(target.token === undefined ? {} : { authorization: `Bearer ${target.token}` }),
  }
  const body = JSON.stringify(ntfyBody(topic, message, target.priority))
  return await post({ url: base, body, headers, ca: target.ca, signal })
}

/** `https://ntfy.sh/my-topic` is the topic `my-topic` of `https://ntfy.sh/`. */
export function splitTopic(address: string): { readonly base: string; readonly topic: string } {
  const url = new URL(address)
  const path = url.pathname.replace(/\/$/, '')
  const cut = path.lastIndexOf('/') + 1
  url.pathname = path.slice(0, cut)
  return { base: url.href, topic: path.slice(cut) }
}

function shorten(text: string, bytes: number): string {
  const whole = Buffer.from(text)
  if (whole.length <= bytes) return text
  // A letter that was cut in two is left out.
  return `${whole
    .subarray(0, bytes)
    .toString('utf8')
    .replace(/\uFFFD+$/, '')}\n…`
}
