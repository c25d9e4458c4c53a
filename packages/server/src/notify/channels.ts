import {
  channelErrors,
  newOwnId,
  type Channel,
  type ChannelChange,
  type ChannelId,
  type ChannelTest,
  type Delivery,
  type NewChannel,
} from '@nixen/api'
import type { Clock } from '@nixen/core'
import { changeTarget } from './change-target.ts'
import { channelKey, type ChannelStore, type StoredChannel } from './channel-store.ts'
import type { DeliveryStore } from './delivery-store.ts'
import { send } from './send.ts'
import { showChannel } from './show-channel.ts'
import { testMessage } from './test-message.ts'

export interface ChannelPorts {
  readonly store: ChannelStore
  readonly deliveries: DeliveryStore
  readonly clock: Clock
  /** What uses a channel, for people: `the alert "Host down"`. */
  readonly usersOf?: (id: ChannelId) => Promise<readonly string[]>
  /** Milliseconds that a server may take for one message. */
  readonly timeout?: number
}

/** Longest that a server may take for one message, milliseconds. */
export const sendTimeout = 60_000

/** The channels: kept in memory, so that asking for one costs nothing. */
export class Channels {
  readonly #ports: ChannelPorts
  readonly #channels = new Map<ChannelId, StoredChannel>()
  readonly #listeners = new Set<(id: ChannelId) => void>()

  constructor(ports: ChannelPorts) {
    this.#ports = ports
  }

  /** Reads what is kept. @throws server.key_missing, server.secret_damaged */
  async start(): Promise<void> {
    for (const channel of await this.#ports.store.all()) this.#channels.set(channel.id, channel)
  }

  /** Calls `listener` when a channel is made, changed or removed. */
  onChanged(listener: (id: ChannelId) => void): void {
    this.#listeners.add(listener)
  }

  all(): readonly StoredChannel[] {
    return [...this.#channels.values()]
  }

  has(id: ChannelId): boolean {
    return this.#channels.has(id)
  }

  find(id: ChannelId): StoredChannel | undefined {
    return this.#channels.get(id)
  }

  /** Refuses what is no channel. @throws channel.not_found */
  demandAll(ids: readonly ChannelId[]): void {
    for (const id of ids) this.stored(id)
  }

  /** @throws channel.not_found */
  stored(id: ChannelId): StoredChannel {
    const found = this.#channels.get(id)
    if (!found) throw channelErrors.not_found({ id })
    return found
  }

  async list(): Promise<Channel[]> {
    return await Promise.all(this.all().map(async (channel) => await this.#show(channel)))
  }

  /** @throws channel.not_found */
  async get(id: ChannelId): Promise<Channel> {
    return await this.#show(this.stored(id))
  }

  /** @throws channel.name_taken */
  async create({ name, enabled, hourly, ...target }: NewChannel): Promise<Channel> {
    this.#demandFree(name)
    const id: ChannelId = newOwnId<'channel'>()
    const created = this.#ports.clock.now()
    return await this.#save({ id, name, enabled, hourly, created, target })
  }

  /** @throws channel.not_found, name_taken, wrong_kind, secret_needed */
  async update(id: ChannelId, { name, enabled, hourly, ...change }: ChannelChange): Promise<Channel> {
    const before = this.stored(id)
    if (name !== undefined) this.#demandFree(name, id)
    const target = changeTarget(before.target, change)
    const given = { name: name ?? before.name, enabled: enabled ?? before.enabled, hourly: hourly ?? before.hourly }
    const { deliveries, clock } = this.#ports
    const waiting = async (): Promise<void> => {
      if (given.enabled) await deliveries.hurry(id, clock.now())
      else await deliveries.giveUpAll(id, { at: clock.now(), answer: 'The channel was switched off.' })
    }
    return await this.#save({ ...before, ...given, target }, waiting)
  }

  /** @throws channel.not_found, channel.in_use */
  async remove(id: ChannelId): Promise<void> {
    const { name } = this.stored(id)
    const users = (await this.#ports.usersOf?.(id)) ?? []
    if (users.length > 0) throw channelErrors.in_use({ name, by: users.join(', ') })
    await this.#ports.store.remove(id)
    this.#channels.delete(id)
    this.#tell(id)
  }

  /** Sends a message at once and gives what the server said. @throws channel.not_found */
  async test(id: ChannelId, { signal }: { readonly signal: AbortSignal }): Promise<ChannelTest> {
    const { target, name } = this.stored(id)
    const { clock, timeout = sendTimeout } = this.#ports
    const begun = clock.monotonic()
    const now = clock.now()
    const limits = AbortSignal.any([signal, AbortSignal.timeout(timeout)])
    const envelope = { id: newOwnId<'delivery'>(), message: testMessage(name, now) }
    const { ok, answer } = await send(target, envelope, { signal: limits, now })
    return { ok, answer, took: Math.round(clock.monotonic() - begun) }
  }

  /** @throws channel.not_found */
  async deliveries(id: ChannelId, filter: Parameters<DeliveryStore['list']>[1]): Promise<Delivery[]> {
    this.stored(id)
    return await this.#ports.deliveries.list(id, filter)
  }

  /** `then` is done before anybody looks at the channel again. */
  async #save(channel: StoredChannel, then?: () => Promise<void>): Promise<Channel> {
    await this.#ports.store.put(channel)
    this.#channels.set(channel.id, channel)
    await then?.()
    this.#tell(channel.id)
    return await this.#show(channel)
  }

  async #show(channel: StoredChannel): Promise<Channel> {
    return showChannel(channel, await this.#ports.deliveries.figures(channel.id))
  }

  #demandFree(name: string, but?: ChannelId): void {
    const taken = this.all().some((other) => other.id !== but && channelKey(other.name) === channelKey(name))
    if (taken) throw channelErrors.name_taken({ name })
  }

  #tell(id: ChannelId): void {
    for (const listener of this.#listeners) listener(id)
  }
}
