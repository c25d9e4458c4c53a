import type { ChannelTarget } from '@nixen/api'
import { assertNever } from '@nixen/core'
import type { Envelope, SendOptions, Sent } from './message.ts'
import { sendMail } from './send-mail.ts'
import { sendNtfy } from './send-ntfy.ts'
import { sendWebhook } from './send-webhook.ts'

/** Tries once to hand a message over. Never throws for what the other side does. */
export async function send(target: ChannelTarget, envelope: Envelope, options: SendOptions): Promise<Sent> {
  switch (target.kind) {
    case 'email':
      return await sendMail(target, envelope, options)
    case 'webhook':
      return await sendWebhook(target, envelope, options)
    case 'ntfy':
      return await sendNtfy(target, envelope, options)
    default:
      return assertNever(target, 'channel')
  }
}
