import { newOwnId } from '@nixen/api'
import { silentLog, systemClock as clock } from '@nixen/core'
import { startReceiver } from '@nixen/testkit/http-receiver'
import { expect, test } from 'vitest'
import { AlertStore, type StoredAlert } from '../src/alerts/alert-store.ts'
import { openState } from '../src/db/open-state.ts'
import { Inventory } from '../src/inventory/inventory.ts'
import { openVault } from '../src/keys/master-key.ts'
import { ChannelStore } from '../src/notify/channel-store.ts'
import { Channels } from '../src/notify/channels.ts'
import { DeliveryStore } from '../src/notify/delivery-store.ts'
import { Notifier } from '../src/notify/notifier.ts'
import { testMessage } from '../src/notify/test-message.ts'
import { testDatabases } from './databases.ts'
import { temporaryState } from './rig.ts'

const soon = { timeout: 10_000 }

test.each(testDatabases())(
  'on $name a state and its message are kept together, and every figure of a channel is right',
  async ({ start }) => {
    await using database = await start()
    await using state = await temporaryState()
    const db = await openState({ path: `${state.path}/db`, url: (await database.fresh())['database.url'] })
    await using _closed = { [Symbol.asyncDispose]: async () => await db.destroy() }
    await using receiver = await startReceiver((_, count) => ({ status: count === 1 ? 500 : 200 }))
    const deliveries = new DeliveryStore(db)
    const channels = new Channels({ store: new ChannelStore(db, openVault(state.path)), deliveries, clock })
    await channels.start()
    await using notifier = new Notifier({ db, channels, deliveries, inventory: new Inventory(), clock, log: silentLog })
    await notifier.start()
    const { id } = await channels.create({ kind: 'webhook', name: 'x', url: receiver.url, hourly: 5, enabled: true })
    const store = new AlertStore(db)
    // Nothing of it is looked at but its id.
    const alert = { id: newOwnId<'alert'>(), created: 1 } as StoredAlert
    await store.put(alert)
    const one = { on: 'a', onName: 'a', phase: 'firing', since: 1, message: '', value: '' } as const
    const changes = { put: [one], removed: ['b'], messages: [testMessage('x', 1)], channels: [id], now: clock.now() }
    const broken = { ...changes, channels: [id, newOwnId<'channel'>()] }
    await expect(store.commit(alert.id, broken)).rejects.toThrow(/foreign key/i)
    expect([await store.states(alert.id), await deliveries.list(id, { limit: 9 })]).toEqual([[], []])
    await store.commit(alert.id, changes)
    notifier.wake()
    await expect.poll(async () => (await deliveries.figures(id)).lastFailure?.message, soon).toContain('500')
    await channels.update(id, { name: 'y' })
    await expect.poll(async () => (await deliveries.list(id, { limit: 9 }))[0]?.state, soon).toBe('sent')
    const [sent] = await deliveries.list(id, { limit: 9 })
    const at = sent?.finished
    expect(await deliveries.figures(id)).toMatchObject({
      waiting: 0,
      lastSent: at,
      lastFailure: { at: expect.any(Number) },
    })
    expect(await deliveries.sentSince(id, 0)).toEqual({ count: 1, first: at })
    expect([sent?.tries, await store.states(alert.id)]).toEqual([2, [one]])
    await deliveries.forget(clock.now() + 1)
    expect(await deliveries.list(id, { limit: 9 })).toEqual([])
  },
  60_000,
)
