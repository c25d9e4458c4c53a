import { silentLog, systemClock, systemRandom } from '@nixen/core'
import { startScriptedXapi, type ScriptedXapi } from '@nixen/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { xapiErrors } from '../errors.ts'
import type { EventClassName } from '../generated/records.ts'
import { Xapi } from '../session/xapi.ts'
import { asRef } from '../values/ref.ts'
import type { XapiChanges } from './changes.ts'
import { readEvents, type EventCall, type EventsOptions } from './event-reader.ts'
import { RecordCache } from './record-cache.ts'

const unhandled: unknown[] = []
const onUnhandled = (reason: unknown): void => void unhandled.push(reason)
beforeAll(() => process.on('unhandledRejection', onUnhandled))
afterAll(() => {
  process.off('unhandledRejection', onUnhandled)
  if (unhandled.length > 0) throw new Error('a rejection was not handled', { cause: unhandled[0] })
})

/** More than any machine needs, so that only what a test provokes times out. */
const timeouts = { connect: 20_000, call: 20_000, login: 20_000, failover: 20_000 }

async function connect(server: ScriptedXapi): Promise<Xapi> {
  return await Xapi.connect({ url: server.url, username: 'root', password: 'secret', timeouts })
}

/** Reads events in the background; `until` waits for a state. */
class Reader implements AsyncDisposable {
  readonly cache = new RecordCache()
  readonly events: XapiChanges[] = []
  readonly #stop = new AbortController()
  readonly #done: Promise<void>
  error: unknown

  constructor(xapi: Xapi, options: EventsOptions = {}) {
    this.#done = this.#run(xapi, { hold: 1, ...options })
  }

  async #run(xapi: Xapi, options: EventsOptions): Promise<void> {
    try {
      for await (const event of xapi.events({ ...options, signal: this.#stop.signal })) {
        this.events.push(event)
        this.cache.apply(event)
      }
    } catch (error) {
      this.error = error
    }
  }

  async until(state: (reader: Reader) => boolean): Promise<void> {
    const end = performance.now() + 20_000
    while (!state(this)) {
      if (this.error || performance.now() > end)
        throw new Error('the state did not come', { cause: this.error ?? this.events.slice(-3) })
      await systemClock.sleep(5)
    }
  }

  /** Operations told of one object, in order. */
  told(ref: string): string[] {
    return this.events.flatMap((event) =>
      event.kind === 'changes'
        ? event.changes.filter((change) => change.ref === ref).map(({ operation }) => operation)
        : [],
    )
  }

  get resets(): string[] {
    return this.events.flatMap((event) => (event.kind === 'reset' ? [event.reason] : []))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#done
  }
}

const synced = (reader: Reader): boolean => reader.events.at(-1)?.kind === 'synced'

/** Whether a cache holds what the server's database holds, object for object. */
function agrees(cache: RecordCache, server: ScriptedXapi): boolean {
  return server.db.tables.every((table) => {
    const records = cache.all(table as EventClassName)
    const refs = server.db.refs(table)
    return records.size === refs.length && refs.every((ref) => records.has(ref as never))
  })
}

describe('events', () => {
  test('begin with everything there is, decoded, with the usual spelling of the classes', async () => {
    await using server = await startScriptedXapi({ pool: { vms: 20 } })
    await using xapi = await connect(server)
    await using reader = new Reader(xapi)
    await reader.until(synced)
    expect(reader.events[0]).toEqual({ kind: 'reset', reason: 'start' })
    expect(agrees(reader.cache, server)).toBe(true)
    const [metrics] = reader.cache.all('VM_guest_metrics').values()
    expect(metrics?.last_updated).toBe(Date.UTC(2026, 7, 21, 2, 0, 23))
  })

  test('tell of additions, changes and removals as they happen', async () => {
    await using server = await startScriptedXapi({ pool: { vms: 2 } })
    await using xapi = await connect(server)
    await using reader = new Reader(xapi)
    await reader.until(synced)
    const [vm = ''] = server.db.refs('VM')
    server.db.update('VM', vm, { name_label: 'renamed' })
    await reader.until(({ cache }) => cache.get('VM', asRef('VM', vm))?.name_label === 'renamed')
    server.db.insert('VM', 'OpaqueRef:new', { ...server.db.get('VM', vm), name_label: 'new' })
    await reader.until(({ cache }) => cache.all('VM').size === 3)
    server.db.remove('VM', vm)
    await reader.until(({ cache }) => cache.all('VM').size === 2)
    expect(reader.told(vm)).toEqual(['add', 'mod', 'del'])
    expect(reader.resets).toEqual(['start'])
  })

  test('come for the classes that are asked for only', async () => {
    await using server = await startScriptedXapi({ pool: { vms: 5 } })
    await using xapi = await connect(server)
    await using reader = new Reader(xapi, { classes: ['VM', 'host'] })
    await reader.until(synced)
    expect(reader.cache.size).toBe(server.db.count('VM') + server.db.count('host'))
  })

  test('go on from a token without telling again what was told', async () => {
    await using server = await startScriptedXapi({ pool: { vms: 5 } })
    await using xapi = await connect(server)
    const token = server.db.token
    const [vm = ''] = server.db.refs('VM')
    server.db.update('VM', vm, { name_label: 'renamed' })
    await using reader = new Reader(xapi, { token })
    await reader.until(synced)
    expect(reader.cache.size).toBe(1)
    expect(reader.resets).toEqual([])
  })

  test('are told anew when the token is refused', async () => {
    await using server = await startScriptedXapi({ pool: { vms: 5 } })
    await using xapi = await connect(server)
    await using reader = new Reader(xapi, { token: 'nonsense' })
    await reader.until(synced)
    expect(reader.resets).toEqual(['token-refused'])
    expect(agrees(reader.cache, server)).toBe(true)
  })

  test('outlive the end of the session, without a loss', async () => {
    await using server = await startScriptedXapi({ pool: { vms: 5 } })
    await using xapi = await connect(server)
    await using reader = new Reader(xapi)
    await reader.until(synced)
    server.expireSessions()
    const [vm = ''] = server.db.refs('VM')
    server.db.update('VM', vm, { name_label: 'renamed' })
    await reader.until(({ cache }) => cache.get('VM', asRef('VM', vm))?.name_label === 'renamed')
    expect(reader.told(vm)).toEqual(['add', 'mod'])
  })

  test.each([
    { kind: 'truncate', after: 50 },
    { kind: 'reset' },
    { kind: 'status', status: 503 },
    { kind: 'content-type', contentType: 'text/html' },
  ] as const)('go on after %o', async (fault) => {
    await using server = await startScriptedXapi({ pool: { vms: 5 } })
    await using xapi = await connect(server)
    const failures: unknown[] = []
    await using reader = new Reader(xapi, { onRetry: (error) => failures.push(error) })
    await reader.until(synced)
    server.fail({ on: 'event.from', fault, times: 2 })
    const [vm = '', other = ''] = server.db.refs('VM')
    server.db.update('VM', vm, { name_label: 'renamed' })
    server.db.remove('VM', other)
    await reader.until(({ cache }) => cache.get('VM', asRef('VM', vm))?.name_label === 'renamed')
    await reader.until(() => failures.length > 0 || fault.kind === 'reset')
    server.db.update('VM', vm, { name_label: 'again' })
    await reader.until(({ cache }) => cache.get('VM', asRef('VM', vm))?.name_label === 'again')
    expect(agrees(reader.cache, server)).toBe(true)
  })

  test('read a class again when the host has forgotten a removal', async () => {
    await using server = await startScriptedXapi({ pool: { vms: 5 } })
    await using xapi = await connect(server)
    await using reader = new Reader(xapi)
    await reader.until(synced)
    const [vm = '', other = ''] = server.db.refs('VM')
    // Gone from the table without a trace, as after a long absence.
    server.db.table('VM').delete(vm)
    server.db.update('VM', other, { name_label: 'renamed' })
    await reader.until(({ cache }) => agrees(cache, server))
    expect(reader.told(vm)).toEqual(['add', 'del'])
    expect(reader.resets).toEqual(['start'])
  })

  test('are not held back when a class is read again that has no object any more', async () => {
    await using server = await startScriptedXapi({ pool: { vms: 1 } })
    await using xapi = await connect(server)
    await using reader = new Reader(xapi, { classes: ['VM', 'host'], hold: 60 })
    await reader.until(synced)
    // Gone without a trace, as tasks are after a restart.
    for (const vm of server.db.refs('VM')) server.db.table('VM').delete(vm)
    // Wakes the poll, which then finds the counts wrong.
    const [host = ''] = server.db.refs('host')
    server.db.update('host', host, { name_description: 'woken' })
    await reader.until(({ cache }) => cache.all('VM').size === 0)
    expect(reader.cache.all('host').size).toBe(server.db.count('host'))
  })

  test('are told anew after a new log-in: the host may have restarted from an older database', async () => {
    await using server = await startScriptedXapi({ pool: { vms: 3 } })
    await using xapi = await connect(server)
    await using reader = new Reader(xapi)
    await reader.until(synced)
    server.fail({ on: 'event.from', fault: { kind: 'error', code: 'SESSION_INVALID', params: ['gone'] }, times: 1 })
    const [host = ''] = server.db.refs('host')
    server.db.update('host', host, { name_description: 'woken' })
    await reader.until(() => reader.resets.length > 1)
    await reader.until(({ cache }) => agrees(cache, server))
    expect(reader.resets).toEqual(['start', 'new-session'])
  })

  test('are told anew by another master, with removals for what it does not have', async () => {
    const first = await startScriptedXapi({ pool: { vms: 5 } })
    await using second = await startScriptedXapi({ address: '127.0.0.2', port: first.port, pool: { vms: 3, seed: 2 } })
    await using xapi = await connect(first)
    await using reader = new Reader(xapi)
    await reader.until(synced)
    const [gone = ''] = first.db.refs('VM')
    await first.stop()
    await reader.until(({ cache }) => agrees(cache, second))
    expect(reader.resets).toEqual(['start', 'new-session'])
    expect(reader.told(gone)).toEqual(['add', 'del'])
  })

  test('pass through classes, fields and enum values that the data model does not know', async () => {
    await using server = await startScriptedXapi({ pool: { vms: 1 } })
    const [vm = ''] = server.db.refs('VM')
    server.db.update('VM', vm, { power_state: 'Hibernated', a_new_field: [1] })
    server.db.insert('Shiny_class', 'OpaqueRef:s', { uuid: 'u', when: '20260821T02:00:23Z' })
    await using xapi = await connect(server)
    await using reader = new Reader(xapi)
    await reader.until(synced)
    expect(reader.cache.get('VM', asRef('VM', vm))).toMatchObject({ power_state: 'Hibernated', a_new_field: [1] })
    expect(reader.cache.all('shiny_class' as EventClassName).size).toBe(1)
  })

  test('end with the reason of their signal, and with the session', async () => {
    await using server = await startScriptedXapi({ pool: { vms: 1 } })
    const xapi = await connect(server)
    const reader = new Reader(xapi, { hold: 30 })
    await reader.until(synced)
    await xapi[Symbol.asyncDispose]()
    await reader[Symbol.asyncDispose]()
    expect(reader.error).toMatchObject({ code: 'xapi.closed' })
  })

  test('tell what came of an answer that breaks off, and go on from there', async () => {
    const eventOf = (ref: string): object => ({ class: 'vm', operation: 'add', ref, snapshot: { uuid: ref } })
    const answers = [['a', 'b'], ['b']]
    const call: EventCall = async (_method, _params, { onEntry }) => {
      const answer = answers.shift() ?? []
      for (const [index, ref] of answer.entries()) onEntry?.(index, eventOf(ref))
      if (answers.length > 0) throw xapiErrors.truncated({ received: 100, expected: 'the rest' })
      return { result: { token: '1,1', valid_ref_counts: { vm: 1 } }, epoch: 1 }
    }
    const told: string[] = []
    const context = { call, clock: systemClock, random: systemRandom, log: silentLog }
    for await (const event of readEvents(context, { maxPause: 1 })) {
      if (event.kind === 'changes') told.push(...event.changes.map(({ operation, ref }) => `${operation} ${ref}`))
      if (event.kind === 'synced') break
    }
    expect(told).toEqual(['add a', 'add b', 'mod b', 'del a'])
  })

  test('end with an error that waiting does not mend', async () => {
    await using server = await startScriptedXapi({ pool: { vms: 1 } })
    await using xapi = await connect(server)
    server.fail({
      on: 'event.from',
      fault: { kind: 'error', code: 'RBAC_PERMISSION_DENIED', params: ['event.from', ''] },
    })
    await expect(xapi.events().next()).resolves.toMatchObject({ value: { kind: 'reset' } })
    const reader = new Reader(xapi)
    server.fail({
      on: 'event.from',
      fault: { kind: 'error', code: 'RBAC_PERMISSION_DENIED', params: ['event.from', ''] },
    })
    await expect(reader.until(synced)).rejects.toThrow('did not come')
    expect(reader.error).toMatchObject({ code: 'RBAC_PERMISSION_DENIED' })
  })

  test('hold no loss and no double under constant change and faults', async () => {
    await using server = await startScriptedXapi({ pool: { vms: 30 } })
    await using xapi = await connect(server)
    await using reader = new Reader(xapi)
    for (let i = 0; i < 150; i++) {
      const refs = server.db.refs('VBD')
      const ref = refs[(i * 7) % refs.length] ?? ''
      if (i % 3 === 0) server.db.remove('VBD', ref)
      else if (i % 3 === 1) server.db.insert('VBD', `OpaqueRef:n${i}`, { ...server.db.get('VBD', ref), uuid: `n${i}` })
      else server.db.update('VBD', ref, { device: `xvd${i}` })
      if (i % 25 === 10) server.fail({ on: 'event.from', fault: { kind: 'truncate', after: 3000 } })
      if (i % 40 === 20) server.expireSessions()
      await systemClock.sleep(2)
    }
    await reader.until(({ cache }) => agrees(cache, server))
    // Nobody is added twice, or removed without having been there.
    const refs = new Set(
      reader.events.flatMap((event) => (event.kind === 'changes' ? event.changes.map(({ ref }) => String(ref)) : [])),
    )
    for (const ref of refs) expect(reader.told(ref).join(' ')).toMatch(/^add( mod)*( del)?$/)
  })
})
