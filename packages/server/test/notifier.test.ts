import { startReceiver, type ReceiverAnswer } from '@nixen/testkit/http-receiver'
import type { ChannelId } from '@nixen/api'
import { describe, expect, test } from 'vitest'
import { addKey, dropOldKeys } from '../src/keys/master-key.ts'
import { ChannelStore } from '../src/notify/channel-store.ts'
import { testMessage } from '../src/notify/test-message.ts'
import { hook, noticeRig, type NoticeRig } from './notice-rig.ts'

const minute = 60_000
const hour = 60 * minute
const soon = { timeout: 10_000 }

/** Moves the time until a delivery was tried so often. */
async function tried({ clock, deliveries }: NoticeRig, id: ChannelId, tries: number): Promise<void> {
  await expect
    .poll(async () => {
      const [first] = await deliveries.list(id, { limit: 1 })
      if (first?.state === 'waiting' && first.tries < tries) clock.advance(Math.max(0, (first.next ?? 0) - clock.now()))
      return first?.state === 'waiting' ? first.tries : Infinity
    }, soon)
    .toBeGreaterThanOrEqual(tries)
}

describe('a message', () => {
  test('is tried again until it is taken, later each time, across a restart, with one id', async () => {
    await using all = await noticeRig()
    await using receiver = await startReceiver((_, count): ReceiverAnswer => ({ status: count < 4 ? 503 : 200 }))
    const id = await hook(all.channels, receiver)
    const begun = all.clock.now()
    await all.notifier.send([id], testMessage('x', begun))
    await tried(all, id, 1)
    expect((await all.deliveries.list(id, { limit: 9 }))[0]).toMatchObject({
      state: 'waiting',
      next: begun + 2 * minute,
    })
    await all.restart()
    await tried(all, id, 3)
    await tried(all, id, 4)
    const [done] = await all.deliveries.list(id, { limit: 9 })
    expect(done).toMatchObject({ state: 'sent', tries: 4, answer: expect.stringContaining('200') })
    // 2 + 4 + 8 minutes.
    expect((done?.finished ?? 0) - begun).toBe(14 * minute)
    expect(new Set(receiver.received.map(({ headers }) => headers['nixen-delivery']))).toEqual(new Set([done?.id]))
    expect(await all.channels.get(id)).toMatchObject({
      waiting: 0,
      lastSent: done?.finished,
      lastFailure: { message: expect.stringContaining('503') },
    })
  })

  test('waits as long as the server asks', async () => {
    await using all = await noticeRig()
    const busy = { status: 429, headers: { 'retry-after': '3000' } }
    await using receiver = await startReceiver((_, count): ReceiverAnswer => (count === 1 ? busy : { status: 200 }))
    const id = await hook(all.channels, receiver)
    await all.notifier.send([id], testMessage('x', 0))
    await tried(all, id, 1)
    expect((await all.deliveries.list(id, { limit: 1 }))[0]).toMatchObject({ next: all.clock.now() + 50 * minute })
  })

  test('is given up after a day, with an alarm that the next one that is taken ends', async () => {
    await using all = await noticeRig()
    let well = false
    await using receiver = await startReceiver((): ReceiverAnswer => ({ status: well ? 200 : 500, body: 'broken' }))
    const id = await hook(all.channels, receiver)
    const begun = all.clock.now()
    await all.notifier.send([id], testMessage('x', begun))
    await tried(all, id, 99)
    const [lost] = await all.deliveries.list(id, { limit: 1 })
    expect(lost).toMatchObject({
      state: 'failed',
      finished: begun + 24 * hour,
      answer: expect.stringContaining('broken'),
    })
    expect(lost?.tries).toBeGreaterThan(8)
    const alarm = () => [...all.inventory.all('alarm')]
    expect(alarm()).toMatchObject([{ id: `alarm.nixen.channel-${id}`, severity: 'critical' }])
    // Known after a restart as well.
    all.inventory.remove('alarm', `alarm.nixen.channel-${id}`)
    await all.restart()
    expect(alarm()).toHaveLength(1)
    well = true
    await all.notifier.send([id], testMessage('x', 0))
    await expect.poll(alarm, soon).toEqual([])
  })
})

describe('a channel', () => {
  test('that does not answer keeps no other waiting', async () => {
    await using all = await noticeRig()
    await using hanging = await startReceiver(() => 'hang')
    await using well = await startReceiver()
    const [slow, quick] = [await hook(all.channels, hanging), await hook(all.channels, well)]
    await all.notifier.send([slow, quick], testMessage('x', 0))
    await expect.poll(() => [hanging.received.length, well.received.length], soon).toEqual([1, 1])
    await all.notifier.send([slow, quick], testMessage('x', 0))
    await expect.poll(() => well.received.length, soon).toBe(2)
    expect(hanging.received).toHaveLength(1)
  })

  test('sends no more in an hour than it may, and the others after', async () => {
    await using all = await noticeRig()
    await using receiver = await startReceiver()
    const id = await hook(all.channels, receiver, 2)
    for (let i = 0; i < 5; i++) await all.notifier.send([id], testMessage(`${i}`, 0))
    await expect.poll(async () => (await all.deliveries.list(id, { state: 'sent', limit: 9 })).length, soon).toBe(2)
    await expect.poll(() => all.clock.sleeping, soon).toBe(1)
    for (const count of [4, 5]) {
      all.clock.advance(hour)
      await expect
        .poll(async () => (await all.deliveries.list(id, { state: 'sent', limit: 9 })).length, soon)
        .toBe(count)
      await expect.poll(() => all.clock.sleeping, soon).toBe(1)
    }
  })

  test('that was changed is tried at once with what waits', async () => {
    await using all = await noticeRig()
    await using broken = await startReceiver(() => ({ status: 500 }))
    await using well = await startReceiver()
    const id = await hook(all.channels, broken)
    await all.notifier.send([id], testMessage('x', 0))
    await tried(all, id, 1)
    await all.channels.update(id, { url: well.url })
    await expect.poll(() => well.received.length, soon).toBe(1)
    await expect.poll(async () => (await all.deliveries.list(id, { limit: 1 }))[0]?.state, soon).toBe('sent')
  })

  test('that is switched off drops what waits and what comes', async () => {
    await using all = await noticeRig()
    await using receiver = await startReceiver(() => ({ status: 500 }))
    const id = await hook(all.channels, receiver)
    await all.notifier.send([id], testMessage('x', 0))
    await tried(all, id, 1)
    await all.channels.update(id, { enabled: false })
    await all.notifier.send([id], testMessage('x', 0))
    expect((await all.deliveries.list(id, { limit: 9 })).map(({ state }) => state)).toEqual(['failed'])
  })

  test('keeps its secrets out of what is shown, logged and stored in the clear', async () => {
    await using all = await noticeRig()
    await using receiver = await startReceiver(() => ({ status: 500 }))
    const url = `${receiver.url}/hooks/T0KEN`
    const made = await all.channels.create({
      kind: 'webhook',
      name: 'x',
      enabled: true,
      hourly: 9,
      url,
      secret: 'S1GN',
    })
    await all.notifier.send([made.id], testMessage('x', 0))
    await tried(all, made.id, 1)
    const rows = await all.db.selectFrom('channels').selectAll().execute()
    const seen = JSON.stringify([
      made,
      await all.channels.list(),
      rows,
      all.logged,
      await all.deliveries.list(made.id, { limit: 9 }),
    ])
    expect(all.logged.length).toBeGreaterThan(0)
    expect(seen).not.toMatch(/T0KEN|S1GN/)
    expect(made).toMatchObject({ address: `${receiver.url}/…`, hasSecret: true })
  })

  test('does not give a kept secret to another server', async () => {
    await using all = await noticeRig()
    const mail = {
      kind: 'email',
      name: 'Mail',
      enabled: true,
      hourly: 9,
      host: 'mx.example.net',
      security: 'starttls',
    } as const
    const { id } = await all.channels.create({
      ...mail,
      username: 'n',
      password: 'p',
      from: 'n@example.net',
      to: ['a@example.net'],
    })
    for (const change of [{ host: 'evil.example.net' }, { security: 'none' as const }, { port: 2525 }]) {
      await expect(all.channels.update(id, change)).rejects.toMatchObject({ code: 'channel.secret_needed' })
    }
    expect(await all.channels.update(id, { to: ['b@example.net'] })).toMatchObject({
      to: ['b@example.net'],
      hasSecret: true,
    })
    expect(await all.channels.update(id, { host: 'mx2.example.net', password: null })).toMatchObject({
      hasSecret: false,
    })
    await expect(all.channels.update(id, { url: 'https://x.example.net' })).rejects.toMatchObject({
      code: 'channel.wrong_kind',
    })
    await expect(
      all.channels.create({ ...mail, name: 'MAIL', from: 'n@example.net', to: ['a@example.net'] }),
    ).rejects.toMatchObject({
      code: 'channel.name_taken',
    })
  })

  test('is sealed with a new key when the old one is replaced', async () => {
    await using all = await noticeRig()
    const url = 'https://chat.example.net/T0KEN'
    await all.channels.create({ kind: 'webhook', name: 'x', enabled: true, hourly: 9, url })
    await new ChannelStore(all.db, addKey(all.folder)).sealAgain()
    const vault = dropOldKeys(all.folder)
    expect(await new ChannelStore(all.db, vault).all()).toMatchObject([{ target: { kind: 'webhook', url } }])
  })
})
