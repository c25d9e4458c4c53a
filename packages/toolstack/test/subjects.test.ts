import { beforeEach, describe, expect, test } from 'vitest'
import type { Toolstack } from '../src/index.ts'
import { find, logIn, quickToolstack, type TestClient } from './client.ts'

const admitted = { name: 'alice', password: 'a', role: 'vm-operator' as const }

async function roleNamed(client: TestClient, name: string): Promise<string> {
  return (await find(client, 'role', ({ name_label }) => name_label === name))[0]
}

describe('a pool without a directory', () => {
  test('knows root only, and joins a directory once', async () => {
    await using toolstack = await quickToolstack({ hosts: 2 })
    const client = await logIn(toolstack.url)
    await expect(logIn(toolstack.url, 'alice', 'a')).rejects.toMatchObject({
      answer: ['SESSION_AUTHENTICATION_FAILED', 'alice', 'Authentication failure'],
    })
    expect(await client.refusal('auth.get_subject_identifier', 'alice')).toEqual(['AUTH_IS_DISABLED'])
    const [pool] = await find(client, 'pool')
    const config = { user: 'admin', pass: 'secret' }
    expect(await client.refusal('pool.enable_external_auth', pool, config, 'example.org', 'LDAP')).toEqual([
      'AUTH_UNKNOWN_TYPE',
      'LDAP',
    ])
    await client.call('pool.enable_external_auth', pool, config, 'example.org', 'AD')
    for (const host of Object.values(await client.call('host.get_all_records'))) {
      expect(host).toMatchObject({
        external_auth_type: 'AD',
        external_auth_service_name: 'example.org',
        external_auth_configuration: { domain: 'example.org', user: 'admin' },
      })
    }
    const [host] = await client.call('host.get_all')
    expect(await client.refusal('pool.enable_external_auth', pool, config, 'example.org', 'AD')).toEqual([
      'POOL_AUTH_ALREADY_ENABLED',
      host,
    ])
    expect(await client.refusal('host.enable_external_auth', host, config, 'example.org', 'AD')).toEqual([
      'AUTH_ALREADY_ENABLED',
      'AD',
      'example.org',
    ])
    await client.call('pool.disable_external_auth', pool, {})
    expect(await client.call('host.get_external_auth_type', host)).toBe('')
  })
})

describe('a subject', () => {
  let toolstack: Toolstack
  let client: TestClient

  beforeEach(async () => {
    toolstack = await quickToolstack({ users: [admitted], vms: 2, debugPort: 0 })
    client = await logIn(toolstack.url)
    return () => toolstack[Symbol.asyncDispose]()
  })

  /** Adds an account to the directory, as its administrator would. */
  const account = async (name: string, fields: object, method = 'PUT'): Promise<number> => {
    const url = `${toolstack.pools[0]?.debugUrl}/accounts/${name}`
    return (await fetch(url, { method, ...(method === 'PUT' ? { body: JSON.stringify(fields) } : {}) })).status
  }

  test('given at the start logs in with its role, its identifier and its permissions', async () => {
    const alice = await logIn(toolstack.url, 'alice', 'a')
    const session = await alice.call('session.get_record', alice.session)
    const [subject, { subject_identifier, other_config }] = await find(client, 'subject')
    expect(session).toMatchObject({
      is_local_superuser: false,
      auth_user_name: 'alice',
      auth_user_sid: subject_identifier,
      subject,
    })
    expect(other_config).toMatchObject({ 'subject-name': 'NIXEN\\alice', 'subject-is-group': 'false' })
    expect(session.rbac_permissions).toContain('vm.start')
    expect(session.rbac_permissions).toContain('pool.add_to_other_config/key:folder')
    expect(session.rbac_permissions).not.toContain('vm.snapshot')
    expect(session.rbac_permissions).not.toContain('http/put_import')
    expect(await client.call('subject.get_permissions_name_label', subject)).toEqual(session.rbac_permissions)
    const [vm] = await find(alice, 'VM', ({ power_state }) => power_state === 'Running')
    expect(await alice.refusal('VM.snapshot', vm, 'x')).toEqual([
      'RBAC_PERMISSION_DENIED',
      'vm.snapshot',
      'No permission in user session',
    ])
    const roles = await client.call('role.get_by_permission_name_label', 'vm.snapshot')
    const names = await Promise.all(roles.map((role: string) => client.call('role.get_name_label', role)))
    expect(new Set(names)).toEqual(new Set(['pool-admin', 'pool-operator', 'vm-power-admin']))
    expect(await client.call('session.get_all_subject_identifiers')).toEqual([subject_identifier])
    await client.call('session.logout_subject_identifier', subject_identifier)
    expect(await alice.refusal('VM.get_all')).toEqual(['SESSION_INVALID', alice.session])
  })

  test('needs an account, a subject and a role, in this order', async () => {
    expect(await account('bob', { password: 'b' })).toBe(200)
    const sid = await client.call('auth.get_subject_identifier', 'NIXEN\\Bob')
    const noRights = [
      'SESSION_AUTHENTICATION_FAILED',
      'bob',
      `Subject bob (identifier ${sid}) has no access rights in this pool`,
    ]
    await expect(logIn(toolstack.url, 'bob', 'wrong')).rejects.toMatchObject({
      answer: ['SESSION_AUTHENTICATION_FAILED', 'bob', 'Authentication failure'],
    })
    await expect(logIn(toolstack.url, 'bob', 'b')).rejects.toMatchObject({ answer: noRights })
    const other_config = await client.call('auth.get_subject_information_from_identifier', sid)
    expect(other_config).toMatchObject({ 'subject-upn': 'bob@nixen.test', 'subject-sid': sid })
    const subject = await client.call('subject.create', { subject_identifier: sid, other_config, roles: [] })
    expect(await client.refusal('subject.create', { subject_identifier: sid, other_config, roles: [] })).toEqual([
      'SUBJECT_ALREADY_EXISTS',
    ])
    await expect(logIn(toolstack.url, 'bob', 'b')).rejects.toMatchObject({
      answer: [
        'RBAC_PERMISSION_DENIED',
        'session.login_with_password',
        `Subject bob (identifier ${sid}) has no roles in this pool`,
      ],
    })
    await client.call('subject.add_to_roles', subject, await roleNamed(client, 'read-only'))
    const bob = await logIn(toolstack.url, 'bob', 'b')
    expect(await bob.refusal('VM.start', 'x', false, false)).toEqual([
      'RBAC_PERMISSION_DENIED',
      'vm.start',
      'No permission in user session',
    ])
    // The session follows its roles.
    await client.call('subject.add_to_roles', subject, await roleNamed(client, 'pool-admin'))
    expect((await bob.refusal('VM.start', 'x', false, false))[0]).toBe('HANDLE_INVALID')
    await client.call('subject.destroy', subject)
    expect(await bob.refusal('VM.get_all')).toEqual(['SESSION_INVALID', bob.session])
    expect(await account('bob', {}, 'DELETE')).toBe(200)
    expect(await account('bob', {}, 'DELETE')).toBe(404)
    expect(await client.refusal('auth.get_subject_identifier', 'bob')).toEqual(['SUBJECT_CANNOT_BE_RESOLVED'])
  })

  test('may be a group, whose members log in with its roles', async () => {
    await account('carol', { password: 'c', groups: ['operators'] })
    const sid = await client.call('auth.get_subject_identifier', 'operators')
    const carolSid = await client.call('auth.get_subject_identifier', 'carol')
    expect(await client.call('auth.get_group_membership', carolSid)).toEqual([sid])
    const subject = await client.call('subject.create', { subject_identifier: sid, other_config: {}, roles: [] })
    await client.call('subject.add_to_roles', subject, await roleNamed(client, 'pool-operator'))
    const carol = await logIn(toolstack.url, 'carol@nixen.test', 'c')
    expect(await carol.call('session.get_record', carol.session)).toMatchObject({ auth_user_sid: carolSid, subject })
    const [host] = await find(carol, 'host')
    await carol.call('host.disable', host)
    // Who is suspended is out.
    await account('carol', { password: 'c', groups: ['operators'], suspended: true })
    expect(await carol.refusal('VM.get_all')).toEqual(['SESSION_INVALID', carol.session])
    await expect(logIn(toolstack.url, 'carol', 'c')).rejects.toThrow('suspended in external directory')
  })

  test('uses HTTP handlers by its role, with Basic credentials or a session', async () => {
    const [, vm] = await find(client, 'VM', ({ power_state }) => power_state === 'Halted')
    const get = async (path: string, headers: Record<string, string>): Promise<number> =>
      (await fetch(`${toolstack.url}${path}`, { headers })).status
    const basic = (who: string): Record<string, string> => ({
      authorization: `Basic ${Buffer.from(who).toString('base64')}`,
    })
    expect(await get('/rrd_updates?start=0', basic('alice:a'))).toBe(200)
    expect(await get('/rrd_updates?start=0', basic('alice:b'))).toBe(401)
    expect(await get(`/export_metadata?uuid=${vm.uuid}`, basic('alice:a'))).toBe(403)
    const alice = await logIn(toolstack.url, 'alice', 'a')
    expect(await get(`/export_metadata?uuid=${vm.uuid}&session_id=${alice.session}`, {})).toBe(403)
    expect(await get(`/export_metadata?uuid=${vm.uuid}`, basic('root:nixen'))).toBe(200)
  })
})
