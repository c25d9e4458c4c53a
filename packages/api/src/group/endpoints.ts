import { z } from 'zod'
import { endpoint } from '../contract/endpoint.ts'
import { GroupId, RoleId, UserId } from '../ids/own-id.ts'
import { text } from '../schema/fields.ts'
import { Group } from './group.ts'

const params = z.strictObject({ id: GroupId })
const fields = {
  name: text('Name.').min(1).max(100),
  description: text('What it is for.').max(2000).optional(),
  members: z.array(UserId).max(10_000).optional().meta({ description: 'Users in it.' }),
  roles: z.array(RoleId).max(100).optional().meta({ description: 'Roles given to all of them.' }),
} as const

export const groupEndpoints = {
  list: endpoint({
    method: 'GET',
    path: '/groups',
    summary: 'List groups',
    output: z.strictObject({ items: z.array(Group) }),
    permission: 'group:read',
    cli: { verb: 'group list', columns: ['name', 'members', 'roles', 'id'] },
  }),
  get: endpoint({
    method: 'GET',
    path: '/groups/:id',
    summary: 'Show one group',
    params,
    output: Group,
    permission: 'group:read',
    errors: ['group.not_found'],
    cli: { verb: 'group get', args: ['id'] },
  }),
  create: endpoint({
    method: 'POST',
    path: '/groups',
    summary: 'Make a group',
    input: z.strictObject(fields),
    output: Group,
    permission: 'group:create',
    audit: 'group.create',
    errors: ['group.exists', 'user.not_found', 'role.not_found'],
    cli: { verb: 'group create', args: ['name'] },
  }),
  update: endpoint({
    method: 'PATCH',
    path: '/groups/:id',
    summary: 'Change a group; what is left out stays',
    params,
    input: z.strictObject(fields).partial(),
    output: Group,
    permission: 'group:update',
    audit: 'group.update',
    errors: [
      'group.not_found',
      'group.exists',
      'group.not_local',
      'user.not_found',
      'user.last_admin',
      'role.not_found',
    ],
    cli: { verb: 'group update', args: ['id'] },
  }),
  delete: endpoint({
    method: 'DELETE',
    path: '/groups/:id',
    summary: 'Delete a group; its users stay',
    params,
    permission: 'group:delete',
    audit: 'group.delete',
    errors: ['group.not_found', 'user.last_admin'],
    cli: { verb: 'group delete', args: ['id'] },
  }),
} as const
