import { systemClock } from '@nixen/core'
import { cpuTimeOf } from '@nixen/testkit/cpu-time'
import { describe, expect, test } from 'vitest'
import { find, logIn, quickToolstack, Refused, rpc } from './client.ts'

const roles = ['pool-admin', 'pool-operator', 'vm-power-admin', 'vm-admin', 'vm-operator', 'read-only'] as const

describe('sessions', () => {
  test('begin with the right password and end with logout', async () => {
    await using toolstack = await quickToolstack()
    await expect(logIn(toolstack.url, 'root', 'wrong')).rejects.toMatchObject({
      answer: ['SESSION_AUTHENTICATION_FAILED', 'root', 'Authentication failure'],
    })
    const client = await logIn(toolstack.url)
    expect(await client.call('session.get_is_local_superuser', client.session)).toBe(true)
    await client.call('session.logout')
    expect(await client.refusal('pool.get_all')).toEqual(['SESSION_INVALID', client.session])
  })

  test('answer a wrong password after five seconds', async () => {
    const pauses: number[] = []
    const clock = { ...systemClock, sleep: async (ms: number) => void pauses.push(ms) }
    await using toolstack = await quickToolstack({ loginDelay: true, clock })
    await expect(logIn(toolstack.url, 'root', 'wrong')).rejects.toThrow(Refused)
    expect(pauses).toContain(5000)
  })

  test('are limited to 500 for one originator; the one unused for longest goes', async () => {
    await using toolstack = await quickToolstack()
    const first = await logIn(toolstack.url)
    for (let i = 0; i < 499; i++) await logIn(toolstack.url)
    expect(await first.call('pool.get_all')).toHaveLength(1)
    const extra = await logIn(toolstack.url)
    await logIn(toolstack.url)
    expect(await first.call('pool.get_all')).toHaveLength(1)
    expect(await extra.call('pool.get_all')).toHaveLength(1)
    const { valid_ref_counts } = await first.call('event.from', ['nothing'], '', 0)
    expect(valid_ref_counts.session).toBe(500)
  })

  test('stay quick when 10,000 are open', async () => {
    await using toolstack = await quickToolstack()
    const client = await logIn(toolstack.url)
    for (let i = 0; i < 100; i++) {
      const names = Array.from({ length: 100 }, (_, j) => `originator ${i} ${j}`)
      await Promise.all(
        names.map((name) => rpc(toolstack.url, 'session.login_with_password', ['root', 'nixen', '1.0', name])),
      )
    }
    const cpuTime = await cpuTimeOf(async () => {
      const { valid_ref_counts } = await client.call('event.from', ['nothing'], '', 0)
      expect(valid_ref_counts.session).toBe(10_001)
    })
    expect(cpuTime).toBeLessThan(500)
  })

  test('are refused by members, which name the master', async () => {
    await using toolstack = await quickToolstack({ hosts: 2 })
    const member = toolstack.url.replace('127.0.1.1', '127.0.1.2')
    await expect(logIn(member)).rejects.toMatchObject({ answer: ['HOST_IS_SLAVE', '127.0.1.1'] })
    const { session } = await logIn(toolstack.url)
    await expect(rpc(member, 'VM.get_all', [session])).rejects.toMatchObject({ answer: ['HOST_IS_SLAVE', '127.0.1.1'] })
  })

  test('of two pools have nothing in common', async () => {
    await using toolstack = await quickToolstack({ pools: 2, vms: 3 })
    const [first, second] = await Promise.all(toolstack.pools.map((pool) => logIn(pool.url)))
    expect(toolstack.pools.map((pool) => new URL(pool.url).hostname)).toEqual(['127.0.1.1', '127.0.2.1'])
    const names = await Promise.all([first, second].map(async (client) => (await find(client!, 'host'))[1].name_label))
    expect(new Set(names).size).toBe(2)
    await expect(rpc(second!.url, 'pool.get_all', [first!.session])).rejects.toMatchObject({
      answer: ['SESSION_INVALID', first!.session],
    })
  })
})

describe('roles', () => {
  // For each message, the least privileged role that may send it.
  test.each([
    ['VM.get_all_records', [], 'read-only'],
    ['VM.clean_reboot', ['x'], 'vm-operator'],
    ['VM.set_name_label', ['x', 'y'], 'vm-admin'],
    ['VM.snapshot', ['x', 'y'], 'vm-power-admin'],
    ['SR.scan', ['x'], 'vm-power-admin'],
    ['host.disable', ['x'], 'pool-operator'],
    ['subject.create', [{ subject_identifier: 's', other_config: {}, roles: [] }], 'pool-admin'],
    ['session.change_password', ['a', 'b'], undefined],
  ] as const)('let %s through from their least role on', async (method, params, least) => {
    const users = roles.map((role) => ({ name: role, password: 'p', role }))
    await using toolstack = await quickToolstack({ users })
    for (const role of roles) {
      const client = await logIn(toolstack.url, role, 'p')
      const answer = await client.call(method, ...params).then(
        () => 'ok',
        (error: Refused) => error.answer[0],
      )
      const allowed = least !== undefined && roles.indexOf(role) <= roles.indexOf(least)
      expect([role, answer === 'RBAC_PERMISSION_DENIED']).toEqual([role, !allowed])
    }
  })

  test('name the permission that is missing, per key where keys have roles', async () => {
    const users = [
      { name: 'reader', password: 'p', role: 'read-only' as const },
      { name: 'operator', password: 'p', role: 'vm-operator' as const },
    ]
    await using toolstack = await quickToolstack({ users, vms: 2 })
    const reader = await logIn(toolstack.url, 'reader', 'p')
    const operator = await logIn(toolstack.url, 'operator', 'p')
    const [pool] = await find(reader, 'pool')
    expect(await reader.refusal('pool.add_to_other_config', pool, 'folder', '/')).toEqual([
      'RBAC_PERMISSION_DENIED',
      'pool.add_to_other_config/key:folder',
      'No permission in user session',
    ])
    await operator.call('pool.add_to_other_config', pool, 'folder', '/')
    expect((await operator.refusal('pool.add_to_other_config', pool, 'other', '/'))[0]).toBe('RBAC_PERMISSION_DENIED')
  })
})
