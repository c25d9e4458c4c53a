import type { Channel, ChannelTarget } from '@nixen/api'
import type { StoredChannel } from './channel-store.ts'
import type { ChannelFigures } from './delivery-store.ts'
import { mailPort } from './send-mail.ts'

/** A channel as people see it: nothing that opens a door. */
export function showChannel({ target, ...channel }: StoredChannel, figures: ChannelFigures): Channel {
  const { id, name, enabled, hourly, created } = channel
  return {
    id,
    name,
    kind: target.kind,
    enabled,
    hourly,
    address: addressOf(target),
    ...mailFields(target),
    ...(target.kind === 'ntfy' && target.priority !== undefined ? { priority: target.priority } : {}),
    hasSecret: secretFieldOf(target) !== undefined,
    ...figures,
    created,
  }
}

/** The name of the field whose secret is kept, when there is one. */
export function secretFieldOf(target: ChannelTarget): 'password' | 'secret' | 'token' | undefined {
  if (target.kind === 'email') return target.password === undefined ? undefined : 'password'
  if (target.kind === 'webhook') return target.secret === undefined ? undefined : 'secret'
  return target.token === undefined ? undefined : 'token'
}

/** The server that gets the secret, and how: where it differs the secret is another server's. */
export function serverOf(target: ChannelTarget): string {
  if (target.kind === 'email') return `${target.security}://${target.host.toLowerCase()}:${mailPort(target)}`
  return new URL(target.url).origin
}

function addressOf(target: ChannelTarget): string {
  if (target.kind === 'email') return `${target.to.join(', ')} by ${target.host}:${mailPort(target)}`
  // Tokens of webhooks and names of topics are in the path.
  return `${new URL(target.url).origin}/…`
}

function mailFields(target: ChannelTarget): Partial<Channel> {
  if (target.kind !== 'email') return {}
  const { host, security, username, from, to } = target
  return { host, port: mailPort(target), security, ...(username === undefined ? {} : { username }), from, to }
}
