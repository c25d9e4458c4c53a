import { isAppError, systemClock } from '@nixen/core'
import { ApiError, blankRecord, makeCertificate, startScriptedXapi, type ScriptedXapi } from '@nixen/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isXapiError } from '../errors.ts'
import type { XapiOptions } from './options.ts'
import { Xapi } from './xapi.ts'

const unhandled: unknown[] = []
const onUnhandled = (reason: unknown): void => void unhandled.push(reason)
beforeAll(() => process.on('unhandledRejection', onUnhandled))
afterAll(() => {
  process.off('unhandledRejection', onUnhandled)
  if (unhandled.length > 0) throw new Error('a rejection was not handled', { cause: unhandled[0] })
})

/** More than any machine needs, so that only what a test provokes times out. */
const timeouts = { connect: 20_000, call: 20_000, login: 20_000, failover: 20_000 }
const credentials = { username: 'root', password: 'secret' }

async function connect(server: ScriptedXapi, options: Partial<XapiOptions> = {}): Promise<Xapi> {
  return await Xapi.connect({ url: server.url, ...credentials, timeouts, ...options })
}

function callsOf(server: ScriptedXapi, method: string): number {
  return server.seen.filter(({ call }) => call === method).length
}

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return await work.then(
    () => expect.fail('it succeeded'),
    (error: unknown) => error,
  )
}

describe('connecting', () => {
  test('logs in with four parameters and reads what the pool is', async () => {
    await using server = await startScriptedXapi({ pool: { vms: 1 } })
    await using xapi = await connect(server, { originator: 'a test' })
    expect(server.seen[0]?.params).toEqual(['root', 'secret', '1.0', 'a test'])
    expect(xapi.pool.master).toMatchObject({ productBrand: 'XCP-ng', apiVersion: { major: 2, minor: 21 } })
    expect(xapi.master).toBe(`127.0.0.1:${server.port}`)
  })

  test('is refused with a wrong password, which the error does not show', async () => {
    await using server = await startScriptedXapi({ pool: { vms: 1 } })
    const error = await failureOf(connect(server, { password: 'hunter2' }))
    expect(isXapiError(error, 'SESSION_AUTHENTICATION_FAILED')).toBe(true)
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('hunter2')
  })

  test('follows a member to its master', async () => {
    await using master = await startScriptedXapi({ pool: { vms: 1 } })
    await using member = await startScriptedXapi({ address: '127.0.0.2', port: master.port, db: master.db })
    member.calls.masterAddress = '127.0.0.1'
    await using xapi = await connect(member)
    expect(xapi.master).toBe(`127.0.0.1:${master.port}`)
  })

  test('fails when members name each other as master', async () => {
    await using one = await startScriptedXapi({ pool: { vms: 1 } })
    await using two = await startScriptedXapi({ address: '127.0.0.2', port: one.port, db: one.db })
    one.calls.masterAddress = '127.0.0.2'
    two.calls.masterAddress = '127.0.0.1'
    const error = await failureOf(connect(one))
    expect(isAppError(error, 'xapi.no_master')).toBe(true)
    expect(callsOf(one, 'session.login_with_password')).toBe(1)
  })

  test('fails at once when nobody listens', async () => {
    const server = await startScriptedXapi({ pool: { vms: 1 } })
    const url = server.url
    await server.stop()
    const error = await failureOf(Xapi.connect({ url, ...credentials, timeouts }))
    expect(isAppError(error, 'xapi.unreachable')).toBe(true)
  })

  test('ends with the reason of its signal', async () => {
    await using server = await startScriptedXapi({ pool: { vms: 1 } })
    server.fail({ fault: { kind: 'never-answer' } })
    const stop = new AbortController()
    setTimeout(() => stop.abort(new Error('enough')), 30)
    expect(await failureOf(connect(server, { signal: stop.signal }))).toBe(stop.signal.reason)
  })

  test('gives a user who learns a fingerprint all the time to compare it', async () => {
    const certificate = await makeCertificate()
    await using server = await startScriptedXapi({ certificate, pool: { vms: 1 } })
    const onFingerprint = async (fingerprint: string): Promise<boolean> => {
      await systemClock.sleep(300)
      return fingerprint === certificate.fingerprint
    }
    const short = { ...timeouts, connect: 200, login: 200 }
    await using xapi = await connect(server, { tls: { kind: 'learn', onFingerprint }, timeouts: short })
    expect(xapi.pool.name).toBe('synthetic')
  })

  test.each(['nonsense://x', 'https://user:word@host', ''])('does not take %j as an address', async (url) => {
    expect(isAppError(await failureOf(Xapi.connect({ url, ...credentials })), 'xapi.bad_value')).toBe(true)
  })
})

describe('a session that the host has ended', () => {
  test('is opened again once for all calls that wait, and each is repeated', async () => {
    await using server = await startScriptedXapi({ pool: { vms: 3 } })
    await using xapi = await connect(server)
    server.expireSessions()
    const answers = await Promise.all([1, 2, 3, 4].map(() => xapi.client.VM.get_all()))
    expect(answers.map((refs) => refs.length)).toEqual([3, 3, 3, 3])
    expect(callsOf(server, 'session.login_with_password')).toBe(2)
  })

  test('fails the call when it is refused again', async () => {
    await using server = await startScriptedXapi({ pool: { vms: 1 } })
    await using xapi = await connect(server)
    server.fail({ on: 'VM.get_all', fault: { kind: 'error', code: 'SESSION_INVALID', params: ['x'] }, times: 100 })
    expect(isXapiError(await failureOf(xapi.client.VM.get_all()), 'SESSION_INVALID')).toBe(true)
    expect(callsOf(server, 'VM.get_all')).toBe(2)
  })
})

describe('failover', () => {
  test('moves to the member that has become master', async () => {
    const first = await startScriptedXapi({ pool: { vms: 1 } })
    await using second = await startScriptedXapi({ address: '127.0.0.2', port: first.port, db: first.db })
    second.calls.masterAddress = '127.0.0.1'
    await using xapi = await connect(first)
    await first.stop()
    // The election takes a moment.
    setTimeout(() => (second.calls.masterAddress = undefined), 300)
    expect(await xapi.client.VM.get_all()).toHaveLength(1)
    expect(xapi.master).toBe(`127.0.0.2:${second.port}`)
  })

  test('follows a master that has become a member', async () => {
    await using first = await startScriptedXapi({ pool: { vms: 1 } })
    await using second = await startScriptedXapi({ address: '127.0.0.2', port: first.port, db: first.db })
    await using xapi = await connect(first)
    first.calls.masterAddress = '127.0.0.2'
    expect(await xapi.client.VM.get_all()).toHaveLength(1)
    expect(callsOf(second, 'VM.get_all')).toBe(1)
  })

  test('gives up after its time', async () => {
    const server = await startScriptedXapi({ pool: { vms: 1, hosts: 1 } })
    await using xapi = await connect(server, { timeouts: { ...timeouts, failover: 300 } })
    await server.stop()
    expect(isAppError(await failureOf(xapi.client.VM.get_all()), 'xapi.unreachable')).toBe(true)
  })
})

describe('certificates of the members', () => {
  test('are trusted when the pool vouches for them over a trusted connection', async () => {
    const [certificate, other] = [await makeCertificate(), await makeCertificate({ addresses: ['127.0.0.2'] })]
    await using first = await startScriptedXapi({ certificate, pool: { vms: 1 } })
    const { db, port } = first
    await using second = await startScriptedXapi({ certificate: other, address: '127.0.0.2', port, db })
    const tls = { kind: 'pin', fingerprint: certificate.fingerprint } as const
    first.db.insert('Certificate', 'OpaqueRef:c', {
      ...blankRecord('Certificate'),
      type: 'host',
      fingerprint_sha256: other.fingerprint,
    })
    await using xapi = await connect(first, { tls })
    first.calls.masterAddress = '127.0.0.2'
    expect(await xapi.client.VM.get_all()).toHaveLength(1)
    expect(xapi.master).toBe(`127.0.0.2:${second.port}`)
  })

  test('are refused when nobody does, and the password stays here', async () => {
    const [certificate, other] = [await makeCertificate(), await makeCertificate({ addresses: ['127.0.0.2'] })]
    await using first = await startScriptedXapi({ certificate, pool: { vms: 1 } })
    const { db, port } = first
    await using second = await startScriptedXapi({ certificate: other, address: '127.0.0.2', port, db })
    const tls = { kind: 'pin', fingerprint: certificate.fingerprint } as const
    await using xapi = await connect(first, { tls, timeouts: { ...timeouts, failover: 60_000 } })
    first.calls.masterAddress = '127.0.0.2'
    expect(await failureOf(xapi.client.VM.get_all())).toMatchObject({
      code: 'xapi.certificate_untrusted',
      details: { host: `127.0.0.2:${port}`, fingerprint: other.fingerprint, expected: certificate.fingerprint },
    })
    expect(second.seen).toEqual([])
  })
})

describe('disposing', () => {
  test('logs out', async () => {
    await using server = await startScriptedXapi({ pool: { vms: 1 } })
    const xapi = await connect(server)
    await xapi[Symbol.asyncDispose]()
    expect(server.calls.sessions.size).toBe(0)
    expect(isAppError(await failureOf(xapi.client.VM.get_all()), 'xapi.closed')).toBe(true)
  })

  test('does not wait for a host that says nothing', async () => {
    await using server = await startScriptedXapi({ pool: { vms: 1 } })
    const xapi = await connect(server)
    server.fail({ on: 'session.logout', fault: { kind: 'never-answer' } })
    await xapi[Symbol.asyncDispose]()
    expect(callsOf(server, 'session.logout')).toBe(1)
  }, 15_000)
})

describe('a task', () => {
  test('resolves with its result, decoded by the type of its method, and is destroyed', async () => {
    await using server = await startScriptedXapi({ pool: { vms: 2 } })
    server.method('VM.clone', ([vm]) => vm)
    await using xapi = await connect(server)
    const [vm] = await xapi.client.VM.get_all()
    const clone = await xapi.run(xapi.client.async.VM.clone(vm!, 'copy'))
    expect(clone).toBe(vm)
    expect(server.db.count('task')).toBe(0)
  })

  test('rejects with what the host says', async () => {
    await using server = await startScriptedXapi({ pool: { vms: 2 } })
    server.method('VM.start', ([vm]) => {
      throw new ApiError('VM_BAD_POWER_STATE', String(vm), 'halted', 'running')
    })
    await using xapi = await connect(server)
    const [vm] = await xapi.client.VM.get_all()
    const error = await failureOf(xapi.run(xapi.client.async.VM.start(vm!, false, false)))
    expect(isXapiError(error, 'VM_BAD_POWER_STATE') && error.params).toEqual([vm, 'halted', 'running'])
  })

  test('tells its progress, from one subscription for all tasks', async () => {
    await using server = await startScriptedXapi({ pool: { vms: 1 } })
    await using xapi = await connect(server)
    const refs = await Promise.all([1, 2, 3].map(async (n) => await xapi.client.task.create(`t${n}`, '')))
    const progress: number[] = []
    const ends = refs.map(
      async (ref) => await xapi.follow<unknown>(ref as never, { onProgress: (part) => progress.push(part) }),
    )
    // Whether the subscription runs by now, or begins with these.
    for (const ref of refs) server.db.update('task', ref, { progress: 0.5 })
    await expect.poll(() => progress.filter((part) => part === 0.5)).toHaveLength(3)
    for (const ref of refs) server.calls.finishTask(ref, { result: '' })
    await Promise.all(ends)
    expect(progress.filter((part) => part === 0.5)).toHaveLength(3)
    expect(callsOf(server, 'task.get_record')).toBe(0)
  })

  test('is cancelled by its signal', async () => {
    await using server = await startScriptedXapi({ pool: { vms: 1 } })
    await using xapi = await connect(server)
    const stop = new AbortController()
    const ref = await xapi.client.task.create('slow', '')
    const end = xapi.follow(ref as never, { signal: stop.signal })
    setTimeout(() => stop.abort(new Error('enough')), 50)
    expect(await failureOf(end)).toBe(stop.signal.reason)
    expect(callsOf(server, 'task.cancel')).toBe(1)
  })

  test('that can not be cancelled is left after the grace', async () => {
    await using server = await startScriptedXapi({ pool: { vms: 1 } })
    server.method('task.cancel', () => {
      throw new ApiError('OPERATION_NOT_ALLOWED', 'no')
    })
    await using xapi = await connect(server)
    const ref = await xapi.client.task.create('slow', '')
    const end = xapi.follow(ref as never, { signal: AbortSignal.timeout(20), grace: 50 })
    expect(await failureOf(end)).toMatchObject({ name: 'TimeoutError' })
  })

  test('that is gone is an error, whether it was seen before or not', async () => {
    await using server = await startScriptedXapi({ pool: { vms: 1 } })
    await using xapi = await connect(server)
    const ref = await xapi.client.task.create('short', '')
    const end = xapi.follow(ref as never)
    setTimeout(() => server.db.remove('task', ref), 50)
    expect(isAppError(await failureOf(end), 'xapi.task_lost')).toBe(true)
    expect(isAppError(await failureOf(xapi.follow(ref as never)), 'xapi.task_lost')).toBe(true)
  })

  test('ends with the session', async () => {
    await using server = await startScriptedXapi({ pool: { vms: 1 } })
    const xapi = await connect(server)
    const end = failureOf(xapi.follow((await xapi.client.task.create('slow', '')) as never))
    await systemClock.sleep(30)
    await xapi[Symbol.asyncDispose]()
    expect(isAppError(await end, 'xapi.closed')).toBe(true)
  })
})
