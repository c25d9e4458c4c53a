import type { ChannelId } from '@nixen/api'
import { ChannelStore } from '../notify/channel-store.ts'
import { Channels } from '../notify/channels.ts'
import { DeliveryStore } from '../notify/delivery-store.ts'
import { Notifier } from '../notify/notifier.ts'
import type { Base } from './base.ts'
import type { Live } from './live.ts'

/** The ways to reach people. */
export interface Messages {
  readonly channels: Channels
  readonly notifier: Notifier
  /** Adds somebody who uses channels, told by sentences such as `the job "night"`: a channel in use is not removed. */
  readonly addUsers: (of: UsersOf) => void
}

type UsersOf = (channel: ChannelId) => Promise<readonly string[]>

/** Channels, and what delivers to them. */
export async function openMessages({ db, vault, clock, log, parts }: Base, { inventory }: Live): Promise<Messages> {
  const deliveries = new DeliveryStore(db)
  // What uses a channel is made after the channels.
  const users: UsersOf[] = []
  const usersOf = async (channel: ChannelId): Promise<string[]> =>
    (await Promise.all(users.map(async (of) => await of(channel)))).flat()
  const channels = new Channels({ store: new ChannelStore(db, vault), deliveries, clock, usersOf })
  await channels.start()
  const notifier = parts.use(new Notifier({ db, channels, deliveries, inventory, clock, log }))
  await notifier.start()
  return { channels, notifier, addUsers: (of) => users.push(of) }
}
