import { z } from 'zod'
import { endpoint } from '../contract/endpoint.ts'
import { TokenId } from '../ids/own-id.ts'
import { Grant } from '../role/role.ts'
import { text, time } from '../schema/fields.ts'
import { Token } from './token.ts'

export const tokenEndpoints = {
  mine: endpoint({
    method: 'GET',
    path: '/session/tokens',
    summary: 'List your API tokens',
    output: z.strictObject({ items: z.array(Token) }),
    permission: 'session',
    cli: { verb: 'token list', columns: ['name', 'created', 'expires', 'lastUsed', 'id'] },
  }),
  create: endpoint({
    method: 'POST',
    path: '/session/tokens',
    summary: 'Make an API token for yourself',
    description: 'The secret is in this answer only. A token made with a token can do no more than that one.',
    input: z.strictObject({
      name: text('What it is for.').min(1).max(100),
      grants: z
        .array(Grant)
        .max(100)
        .optional()
        .meta({ description: 'All that it may do; all that you may do when left out.' }),
      expires: time('When it stops to work; never when left out.').optional(),
    }),
    output: z.strictObject({
      token: Token,
      secret: text('What programs send: `Authorization: Bearer SECRET`.'),
    }),
    permission: 'session',
    audit: 'token.create',
    errors: ['token.expires_in_past', 'role.unknown_action', 'role.bad_scope'],
    cli: { verb: 'token create', args: ['name'] },
  }),
  revoke: endpoint({
    method: 'DELETE',
    path: '/session/tokens/:id',
    summary: 'Revoke one of your API tokens',
    params: z.strictObject({ id: TokenId }),
    permission: 'session',
    audit: 'token.revoke',
    errors: ['token.not_found'],
    cli: { verb: 'token revoke', args: ['id'] },
  }),
  listAll: endpoint({
    method: 'GET',
    path: '/tokens',
    summary: 'List the API tokens of all users',
    output: z.strictObject({ items: z.array(Token) }),
    permission: 'token:read',
  }),
  revokeAny: endpoint({
    method: 'DELETE',
    path: '/tokens/:id',
    summary: 'Revoke an API token of any user',
    params: z.strictObject({ id: TokenId }),
    permission: 'token:revoke',
    audit: 'token.revoke',
    errors: ['token.not_found'],
  }),
} as const
