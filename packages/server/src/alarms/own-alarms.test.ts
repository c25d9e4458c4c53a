import { newOwnId, type Alarm, type Connection, type ConnectionId } from '@nixen/api'
import { systemClock } from '@nixen/core'
import { describe, expect, test } from 'vitest'
import { Inventory } from '../inventory/inventory.ts'
import type { ServedTls } from '../tls/served.ts'
import { OwnAlarms } from './own-alarms.ts'

const id: ConnectionId = newOwnId<'connection'>()
const connection = (state: Connection['state'], more: Partial<Connection> = {}): Connection => ({
  id,
  kind: 'xapi',
  name: 'Rack 1',
  address: 'https://pool.example.net',
  username: 'root',
  enabled: true,
  readOnly: false,
  state,
  since: 1000,
  ...more,
})
const lost = { code: 'connection.lost', message: 'The connection to the pool was lost.', details: {} }
const day = 86_400_000

function alarmsOf(inventory: Inventory): Alarm[] {
  return [...inventory.all('alarm')]
}

describe('a connection', () => {
  test('that stays away is told, and what becomes of it', async () => {
    const inventory = new Inventory()
    using _alarms = new OwnAlarms({ inventory, clock: systemClock, grace: 20 })
    inventory.put('connection', connection('connected'))
    inventory.put('connection', connection('waiting', { error: lost }))
    expect(alarmsOf(inventory)).toEqual([])
    await expect.poll(() => alarmsOf(inventory), { timeout: 10_000 }).toHaveLength(1)
    expect(alarmsOf(inventory)[0]).toMatchObject({
      id: `alarm.nixen.connection-${id}`,
      connection: 'nixen',
      name: 'connection_down',
      message: 'Rack 1 is not connected: The connection to the pool was lost. It is tried again.',
      severity: 'critical',
      time: 1000,
    })
    // Another try does not take it away, a refusal changes it, and a connection ends it.
    inventory.put('connection', connection('connecting', { error: lost }))
    expect(alarmsOf(inventory)).toHaveLength(1)
    inventory.put('connection', connection('failed', { error: lost, since: 9000 }))
    expect(alarmsOf(inventory)[0]).toMatchObject({ message: `Rack 1 is not connected: ${lost.message}`, time: 1000 })
    inventory.put('connection', connection('connected'))
    expect(alarmsOf(inventory)).toEqual([])
  })

  test('that is back soon is not told', async () => {
    const inventory = new Inventory()
    using _alarms = new OwnAlarms({ inventory, clock: systemClock, grace: 30 })
    const told: string[] = []
    inventory.subscribe(({ type }) => void told.push(type))
    inventory.put('connection', connection('waiting', { error: lost }))
    inventory.put('connection', connection('connected'))
    await systemClock.sleep(100)
    expect(told).toEqual(['connection', 'connection'])
  })

  test.each([
    ['removed', (inventory: Inventory) => inventory.remove('connection', id)],
    ['disabled', (inventory: Inventory) => inventory.put('connection', connection('disabled', { enabled: false }))],
  ])('that is %s has no alarm any more', (_what, end) => {
    const inventory = new Inventory()
    using _alarms = new OwnAlarms({ inventory, clock: systemClock })
    inventory.put('connection', connection('failed', { error: lost }))
    expect(alarmsOf(inventory)).toHaveLength(1)
    end(inventory)
    expect(alarmsOf(inventory)).toEqual([])
  })
})

test.each([
  [30, []],
  [20, [['warning', 'expires in 20 days']]],
  [5, [['critical', 'expires in 5 days']]],
  [-1, [['critical', 'has expired']]],
] as const)('a certificate that ends in %d days', (days, expected) => {
  const inventory = new Inventory()
  using alarms = new OwnAlarms({ inventory, clock: systemClock })
  const tls = (left: number): ServedTls => ({
    cert: '',
    key: '',
    fingerprint: 'AB:CD',
    validTo: systemClock.now() + left * day,
  })
  alarms.watchCertificate(tls(days))
  const found = alarmsOf(inventory).map(({ severity, message }) => [
    severity,
    /(has|expires).*?(days|expired)/.exec(message)?.[0],
  ])
  expect(found).toEqual(expected)
  alarms.watchCertificate(tls(300))
  expect(alarmsOf(inventory)).toEqual([])
})
