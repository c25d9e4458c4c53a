import { z } from 'zod'
import { endpoint } from '../contract/endpoint.ts'
import { RoleId } from '../ids/own-id.ts'
import { text } from '../schema/fields.ts'
import { Grant, Role } from './role.ts'

const params = z.strictObject({ id: RoleId })
const fields = {
  name: text('Name.').min(1).max(100),
  description: text('What it is for.').max(2000).optional(),
  grants: z.array(Grant).max(200),
} as const
const refused = ['role.exists', 'role.unknown_action', 'role.bad_scope'] as const

export const roleEndpoints = {
  list: endpoint({
    method: 'GET',
    path: '/roles',
    summary: 'List roles',
    output: z.strictObject({ items: z.array(Role) }),
    permission: 'role:read',
    cli: { verb: 'role list', columns: ['id', 'name', 'builtin', 'description'] },
  }),
  get: endpoint({
    method: 'GET',
    path: '/roles/:id',
    summary: 'Show one role',
    params,
    output: Role,
    permission: 'role:read',
    errors: ['role.not_found'],
    cli: { verb: 'role get', args: ['id'] },
  }),
  create: endpoint({
    method: 'POST',
    path: '/roles',
    summary: 'Make a role',
    input: z.strictObject(fields),
    output: Role,
    permission: 'role:create',
    audit: 'role.create',
    errors: refused,
    cli: { verb: 'role create', args: ['name'] },
  }),
  update: endpoint({
    method: 'PATCH',
    path: '/roles/:id',
    summary: 'Change a role; what is left out stays',
    params,
    input: z.strictObject(fields).partial(),
    output: Role,
    permission: 'role:update',
    audit: 'role.update',
    errors: ['role.not_found', 'role.builtin', ...refused],
    cli: { verb: 'role update', args: ['id'] },
  }),
  delete: endpoint({
    method: 'DELETE',
    path: '/roles/:id',
    summary: 'Delete a role that nobody has',
    params,
    permission: 'role:delete',
    audit: 'role.delete',
    errors: ['role.not_found', 'role.builtin', 'role.in_use'],
    cli: { verb: 'role delete', args: ['id'] },
  }),
} as const
