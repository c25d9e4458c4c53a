import { formatId, ownConnection, type AlarmId, type ChannelId } from '@nixen/api'
import { backoff, messageOf, type Clock, type Log, type Random } from '@nixen/core'
import type { Db } from '../db/tables.ts'
import type { Inventory } from '../inventory/inventory.ts'
import type { StoredChannel } from './channel-store.ts'
import { sendTimeout, type Channels } from './channels.ts'
import { addDeliveries, type DeliveryStore, type WaitingDelivery } from './delivery-store.ts'
import type { Message } from './message.ts'
import { send } from './send.ts'

export interface NotifierPorts {
  readonly db: Db
  readonly channels: Channels
  readonly deliveries: DeliveryStore
  readonly inventory: Inventory
  readonly clock: Clock
  readonly log: Log
  readonly random?: Random | undefined
  /** Milliseconds that a server may take for one message. */
  readonly timeout?: number | undefined
}

/** The clock may be set, and a machine may sleep: it looks at least so often, in milliseconds. */
const longestSleep = 30_000
const hour = 3_600_000
/** What could not be delivered for so long is given up, milliseconds. */
export const giveUpAfter: number = 24 * hour
/** A first pause of 1 to 2 minutes, then twice as long each time, up to 6 hours. */
const pauses = { base: 120_000, max: 6 * hour } as const
/** What ended is shown for so long, milliseconds. */
const keepFor = 30 * 24 * hour

/**
 * Delivers messages: each is written down before it is tried, and stays until the server has taken it or a day is over. A channel that
 * is slow or dead keeps no other waiting. What was taken just before a crash may be sent again, with the same id.
 */
export class Notifier implements AsyncDisposable {
  readonly #ports: NotifierPorts
  readonly #stop = new AbortController()
  #wake = new AbortController()
  /** Channels that send now. */
  readonly #sending = new Map<ChannelId, Promise<void>>()
  /** When a channel may send again, where it has sent its share of the hour. */
  readonly #notBefore = new Map<ChannelId, number>()
  #loop: Promise<void> | undefined
  #swept = 0

  constructor(ports: NotifierPorts) {
    this.#ports = ports
    ports.channels.onChanged((id) => {
      this.#notBefore.delete(id)
      if (!ports.channels.has(id)) ports.inventory.remove('alarm', alarmOf(id))
      this.wake()
    })
  }

  /** Begins to deliver, with what an earlier process left. */
  async start(): Promise<void> {
    const { channels, deliveries } = this.#ports
    for (const channel of channels.all()) {
      const last = await deliveries.lastFinished(channel.id)
      if (last?.state === 'failed') this.#alarm(channel, last.answer ?? '', last.finished ?? 0)
    }
    this.#loop = this.#run()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#loop
    await Promise.all(this.#sending.values())
  }

  /** Those of the channels that take messages now. */
  open(channels: readonly ChannelId[]): readonly ChannelId[] {
    return channels.filter((id) => this.#ports.channels.find(id)?.enabled === true)
  }

  /** Writes a message down for each channel that is there and switched on, and delivers it. */
  async send(channels: readonly ChannelId[], message: Message): Promise<void> {
    const { db, clock } = this.#ports
    await addDeliveries(db, this.open(channels), [message], clock.now())
    this.wake()
  }

  /** Looks at once: something was written down. */
  wake(): void {
    this.#wake.abort()
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#ports
    while (!this.#stop.signal.aborted) {
      this.#wake = new AbortController()
      let next = clock.now() + longestSleep
      try {
        next = Math.min(next, await this.#look())
      } catch (error) {
        log.error('messages could not be looked after', { error: messageOf(error) })
      }
      const signal = AbortSignal.any([this.#stop.signal, this.#wake.signal])
      // Woken or stopped: both are seen by the loop.
      await clock.sleep(Math.max(0, next - clock.now()), { signal }).catch(() => undefined)
    }
  }

  /** Begins to send where something is due; gives the next time at which something is. */
  async #look(): Promise<number> {
    const { channels, deliveries, clock } = this.#ports
    const now = clock.now()
    if (now - this.#swept >= hour) {
      this.#swept = now
      await deliveries.forget(now - keepFor)
    }
    let next = Infinity
    for (const channel of channels.all()) {
      if (!channel.enabled || this.#sending.has(channel.id)) continue
      const first = await deliveries.first(channel.id)
      if (!first) continue
      const due = Math.max(first.next, this.#notBefore.get(channel.id) ?? 0)
      if (due <= now) this.#begin(channel)
      else next = Math.min(next, due)
    }
    return next
  }

  #begin({ id }: StoredChannel): void {
    const { log } = this.#ports
    const work = this.#drain(id)
      .catch((error: unknown) => log.error('a channel stopped', { channel: id, error: messageOf(error) }))
      .finally(() => {
        this.#sending.delete(id)
        this.wake()
      })
    this.#sending.set(id, work)
  }

  /** Sends what is due in a channel, one message after the other. */
  async #drain(id: ChannelId): Promise<void> {
    const { channels, deliveries, clock } = this.#ports
    while (!this.#stop.signal.aborted) {
      const channel = channels.find(id)
      const first = await deliveries.first(id)
      if (!channel?.enabled || !first || first.next > clock.now()) return
      if (await this.#isFull(channel, first)) return
      await this.#try(channel, first)
    }
  }

  /** Whether a channel has sent its share of the hour. What waits for that for a day is given up. */
  async #isFull({ id, hourly }: StoredChannel, first: WaitingDelivery): Promise<boolean> {
    const { deliveries, clock } = this.#ports
    const now = clock.now()
    const sent = await deliveries.sentSince(id, now - hour)
    if (sent.count < hourly) return false
    if (now - first.created >= giveUpAfter) {
      const answer = `There were more than ${hourly} messages in an hour for a day.`
      await deliveries.giveUp(first.id, { at: now, answer })
      return false
    }
    this.#notBefore.set(id, sent.first + hour)
    return true
  }

  async #try(channel: StoredChannel, delivery: WaitingDelivery): Promise<void> {
    const { deliveries, inventory, clock, log, timeout = sendTimeout, random } = this.#ports
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(timeout)])
    const { id, message, created, tries } = delivery
    const sent = await send(channel.target, { id, message }, { signal, now: clock.now() })
    const at = clock.now()
    // A try that was cut off by the end of the process does not count.
    if (!sent.ok && this.#stop.signal.aborted) return
    // Not what the server said: it may repeat what it was sent.
    const known = { channel: channel.id, delivery: id, tries: tries + 1 }
    if (sent.ok) {
      await deliveries.sent(id, { at, answer: sent.answer })
      inventory.remove('alarm', alarmOf(channel.id))
      log.info('a message was delivered', known)
      return
    }
    const until = created + giveUpAfter
    if (at >= until) {
      await deliveries.giveUp(id, { at, answer: sent.answer })
      this.#alarm(channel, sent.answer, at)
      log.warn('a message was given up', known)
      return
    }
    const pause = Math.min(
      pauses.max,
      Math.max(backoff(tries, { ...pauses, ...(random ? { random } : {}) }), sent.retryAfter ?? 0),
    )
    // The last try is at the end of the day.
    await deliveries.later(id, { at, next: Math.min(until, at + Math.round(pause)), answer: sent.answer })
    log.warn('a message could not be delivered and is tried again', known)
  }

  #alarm({ id, name }: StoredChannel, answer: string, at: number): void {
    this.#ports.inventory.put('alarm', {
      id: alarmOf(id),
      connection: ownConnection,
      name: 'channel_failing',
      message: `A message could not be delivered by ${name} for a day and was given up: ${answer}`,
      severity: 'critical',
      time: at,
    })
  }
}

function alarmOf(id: ChannelId): AlarmId {
  return formatId({ type: 'alarm', connection: ownConnection, key: `channel-${id}` })
}
