import { describe, expect, test } from 'vitest'
import { allEndpoints } from '../contract/registry.ts'
import type { Grant } from '../role/role.ts'
import { checkGrants, compileAccess, covers, demandPermission, intersect, may, mayAll } from './access.ts'
import { builtinRoles } from './builtin-roles.ts'
import { permissions, type Permission } from './permissions.ts'

const names = new Map([['pool.c.1', 'Rack 1']])
const access = (...grants: readonly Grant[]) => compileAccess(grants, () => ({ now: 0, nameOf: (id) => names.get(id) }))
const prod = { id: 'vm.c.1', pool: 'pool.c.1', name: 'web', tags: ['prod'] }
const lab = { id: 'vm.c.2', pool: 'pool.c.2', name: 'lab', tags: [] }

test.each([
  ['*', 'vm:start', true],
  ['vm:*', 'vm:start', true],
  ['vm:start', 'vm:start', true],
  ['*:read', 'host:read', true],
  ['*:read', 'vm:start', false],
  ['vm:*', 'host:read', false],
  ['vm', 'vm:start', false],
  ['vm:st', 'vm:start', false],
])('%s covers %s: %s', (pattern, permission, expected) => expect(covers(pattern, permission)).toBe(expected))

describe('a scoped grant', () => {
  const scoped = access({ actions: ['vm:*', 'settings:read'], scope: 'tag:prod' })
  test.each<[Permission, object | undefined, boolean]>([
    ['vm:start', prod, true],
    ['vm:start', lab, false],
    ['vm:start', undefined, true],
    ['host:read', undefined, false],
    ['settings:read', undefined, false],
  ])('%s on %j: %s', (permission, object, expected) => expect(may(scoped, permission, object)).toBe(expected))
})

test('types without the fields of a scope are out of it, also behind a "not"', () => {
  const scoped = access({ actions: ['*'], scope: '!tag:secret' })
  expect(may(scoped, 'vm:read', lab)).toBe(true)
  expect(may(scoped, 'nic:read', { id: 'nic.c.1' })).toBe(false)
  expect(scoped.reach('user:read')).toBe('none')
})

test('grants add up, and a token can do no more than its user', () => {
  const user = access({ actions: ['vm:read'] }, { actions: ['vm:start'], scope: 'tag:prod' })
  expect([may(user, 'vm:read', lab), may(user, 'vm:start', lab), may(user, 'vm:start', prod)]).toEqual([
    true,
    false,
    true,
  ])
  const token = intersect(user, access({ actions: ['vm:*'], scope: 'name:web' }))
  expect([may(token, 'vm:read', lab), may(token, 'vm:read', prod), may(token, 'vm:delete', prod)]).toEqual([
    false,
    true,
    false,
  ])
})

test('something may be done to all only when it may be done to each', () => {
  const scoped = access({ actions: ['vm:start'], scope: 'tag:prod' })
  expect(mayAll(scoped, 'vm:start', [prod, prod])).toBe(true)
  expect(mayAll(scoped, 'vm:start', [prod, lab])).toBe(false)
  expect(mayAll(scoped, 'vm:start', [])).toBe(true)
  expect(mayAll(scoped, 'vm:delete', [])).toBe(false)
  expect(mayAll(access({ actions: ['vm:*'] }), 'vm:delete', [prod, lab])).toBe(true)
})

test('what may not be done is refused, and says on what', () => {
  const scoped = access({ actions: ['vm:start'], scope: 'tag:prod' })
  expect(() => demandPermission(scoped, 'vm:start')).not.toThrow()
  expect(() => demandPermission(scoped, 'vm:start', prod)).not.toThrow()
  expect(() => demandPermission(scoped, 'vm:start', lab)).toThrow('vm:start on vm.c.2')
  expect(() => demandPermission(scoped, 'vm:delete')).toThrow('vm:delete')
})

test('the key is the same for the same grants only', () => {
  const read: Grant = { actions: ['vm:read'] }
  const scoped: Grant = { actions: ['vm:read'], scope: 'tag:prod' }
  const keys = [
    access(read),
    access(scoped),
    access(read, scoped),
    intersect(access(read), access(scoped)),
    intersect(access(scoped), access(read)),
  ].map(({ key }) => key)
  expect(new Set(keys).size).toBe(keys.length)
  expect(access({ ...scoped }).key).toBe(access(scoped).key)
})

test('a name in a scope follows a rename', () => {
  const scoped = access({ actions: ['vm:read'], scope: 'pool:"Rack 1"' })
  expect(may(scoped, 'vm:read', prod)).toBe(true)
  names.set('pool.c.1', 'Rack 2')
  expect(may(scoped, 'vm:read', prod)).toBe(false)
  names.set('pool.c.1', 'Rack 1')
})

test.each([
  [{ actions: ['vm:strat'] }, 'No permission matches "vm:strat". Did you mean "vm:start"?'],
  [{ actions: ['vm:start'], scope: 'tga:prod' }, 'The scope is wrong at character 1'],
  [{ actions: ['vm:start'], scope: '(tag:prod' }, 'closing bracket'],
])('%j is refused', (grant, message) => expect(() => checkGrants([grant])).toThrow(message))

describe('built-in roles', () => {
  test.each(builtinRoles.map((role) => [role.id, role] as const))(
    '%s has patterns that mean something',
    (_, { grants }) => {
      expect(() => checkGrants(grants)).not.toThrow()
    },
  )

  test('only the administrator changes users, roles, settings and connections', () => {
    const guarded = [...permissions].filter((permission) =>
      /^(user|group|role|token|settings|audit):|^connection:(?!read)/.test(permission),
    )
    expect(guarded.length).toBeGreaterThan(15)
    for (const { id, grants } of builtinRoles) {
      const allowed = guarded.filter((permission) => may(access(...grants), permission as Permission))
      expect({ id, allowed }).toEqual({ id, allowed: id === 'admin' ? guarded : [] })
    }
  })

  test('whoever only reads can do nothing that is audited, but for their own session', () => {
    const reader = access(...(builtinRoles.find(({ id }) => id === 'read-only')?.grants ?? []))
    const audited = allEndpoints.filter(
      ({ endpoint }) => endpoint.audit !== undefined && endpoint.permission.includes(':'),
    )
    expect(audited.length).toBeGreaterThan(10)
    expect(audited.filter(({ endpoint }) => may(reader, endpoint.permission as Permission))).toEqual([])
  })
})
