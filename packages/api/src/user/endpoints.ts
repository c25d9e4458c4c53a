import { z } from 'zod'
import { endpoint } from '../contract/endpoint.ts'
import { RoleId, UserId } from '../ids/own-id.ts'
import { listInput, pageOf } from '../list/list.ts'
import { flag, text } from '../schema/fields.ts'
import { Password, User, UserName } from './user.ts'

const params = z.strictObject({ id: UserId })
const optional = {
  fullName: text('Name for people.').max(200).optional(),
  email: z.email().optional().meta({ description: 'Address for mail.' }),
  disabled: flag('Cannot log in; tokens do not work.').optional(),
  roles: z.array(RoleId).max(100).optional().meta({ description: 'Roles given to this user.' }),
} as const

export const userEndpoints = {
  list: endpoint({
    method: 'GET',
    path: '/users',
    summary: 'List users',
    input: z.strictObject(listInput),
    output: pageOf(User),
    permission: 'user:read',
    errors: ['query.invalid', 'query.bad_sort', 'query.bad_cursor'],
    cli: { verb: 'user list', columns: ['name', 'fullName', 'roles', 'totp', 'disabled', 'lastLogin', 'id'] },
  }),
  get: endpoint({
    method: 'GET',
    path: '/users/:id',
    summary: 'Show one user',
    params,
    output: User,
    permission: 'user:read',
    errors: ['user.not_found'],
    cli: { verb: 'user get', args: ['id'] },
  }),
  create: endpoint({
    method: 'POST',
    path: '/users',
    summary: 'Make a user',
    input: z.strictObject({ name: UserName, password: Password, ...optional }),
    output: User,
    permission: 'user:create',
    audit: 'user.create',
    errors: ['user.exists', 'role.not_found', 'auth.weak_password'],
    cli: { verb: 'user create', args: ['name'] },
  }),
  update: endpoint({
    method: 'PATCH',
    path: '/users/:id',
    summary: 'Change a user; what is left out stays',
    params,
    input: z.strictObject({
      ...optional,
      name: UserName.optional(),
      password: Password.optional(),
      totp: z
        .literal(false)
        .optional()
        .meta({ description: 'Takes the second factor away, for somebody who lost it.' }),
    }),
    output: User,
    permission: 'user:update',
    audit: 'user.update',
    errors: [
      'user.not_found',
      'user.exists',
      'user.last_admin',
      'user.not_local',
      'role.not_found',
      'auth.weak_password',
    ],
    cli: { verb: 'user update', args: ['id'] },
  }),
  delete: endpoint({
    method: 'DELETE',
    path: '/users/:id',
    summary: 'Delete a user, with sessions and tokens',
    params,
    permission: 'user:delete',
    audit: 'user.delete',
    errors: ['user.not_found', 'user.last_admin'],
    cli: { verb: 'user delete', args: ['id'] },
  }),
} as const
