import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ChannelId } from '@nixen/api'
import { silentLog, type Log } from '@nixen/core'
import { FakeClock } from '@nixen/testkit/fake-clock'
import type { HttpReceiver } from '@nixen/testkit/http-receiver'
import { openDatabase } from '../src/db/database.ts'
import type { Db } from '../src/db/tables.ts'
import { Inventory } from '../src/inventory/inventory.ts'
import { openVault } from '../src/keys/master-key.ts'
import { ChannelStore } from '../src/notify/channel-store.ts'
import { Channels } from '../src/notify/channels.ts'
import { DeliveryStore } from '../src/notify/delivery-store.ts'
import { Notifier } from '../src/notify/notifier.ts'

/** Channels and what delivers to them, on a database of their own and a clock that stands still. */
export interface NoticeRig extends AsyncDisposable {
  readonly db: Db
  /** Where the key is. */
  readonly folder: string
  readonly clock: FakeClock
  readonly inventory: Inventory
  readonly channels: Channels
  readonly deliveries: DeliveryStore
  notifier: Notifier
  readonly logged: string[]
  /** As after a crash: the same database, another process. */
  restart(): Promise<void>
}

export async function noticeRig(): Promise<NoticeRig> {
  await using parts = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'nixen-notify-'))
  parts.defer(async () => await rm(folder, { recursive: true, force: true }))
  const db = openDatabase(join(folder, 'db.sqlite'))
  parts.defer(async () => await db.destroy())
  const clock = new FakeClock()
  const inventory = new Inventory()
  const deliveries = new DeliveryStore(db)
  const channels = new Channels({ store: new ChannelStore(db, openVault(folder)), deliveries, clock })
  await channels.start()
  const logged: string[] = []
  const write = (message: string, fields?: object): void => void logged.push(message + JSON.stringify(fields))
  const log: Log = { ...silentLog, info: write, warn: write, error: write }
  // The longest pauses of the back-off: no luck in the times.
  const ports = { db, channels, deliveries, inventory, clock, log, random: () => 1 }
  const made = { notifier: new Notifier(ports) }
  await made.notifier.start()
  parts.defer(async () => await made.notifier[Symbol.asyncDispose]())
  const owned = parts.move()
  return Object.assign(made, {
    db,
    folder,
    clock,
    inventory,
    channels,
    deliveries,
    logged,
    async restart() {
      await made.notifier[Symbol.asyncDispose]()
      made.notifier = new Notifier(ports)
      await made.notifier.start()
    },
    [Symbol.asyncDispose]: async () => await owned.disposeAsync(),
  })
}

/** A webhook channel. */
export async function hook(channels: Channels, receiver: HttpReceiver, hourly = 60): Promise<ChannelId> {
  const url = `${receiver.url}/hooks/T0KEN`
  return (await channels.create({ kind: 'webhook', name: `Hook ${receiver.url}`, enabled: true, hourly, url })).id
}
