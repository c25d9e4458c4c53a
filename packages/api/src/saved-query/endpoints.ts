import { z } from 'zod'
import { endpoint } from '../contract/endpoint.ts'
import { SavedQueryId } from '../ids/own-id.ts'
import { inventoryTypes } from '../inventory/inventory.ts'
import { flag, text } from '../schema/fields.ts'
import { SavedQuery } from './saved-query.ts'

const params = z.strictObject({ id: SavedQueryId })
const fields = {
  name: text('Name.').min(1).max(100),
  type: z.enum(inventoryTypes).meta({ description: 'What it lists.' }),
  q: text('The query.').max(4096),
  sort: text('The order.').max(200).optional(),
  columns: z.array(z.string().max(100)).max(50).optional().meta({ description: 'Fields to show.' }),
  shared: flag('Everybody sees it.').optional(),
  default: flag('The list opens with it, for you.').optional(),
} as const

export const savedQueryEndpoints = {
  list: endpoint({
    method: 'GET',
    path: '/queries',
    summary: 'List your saved queries and those that others share',
    output: z.strictObject({ items: z.array(SavedQuery) }),
    permission: 'session',
    cli: { verb: 'query list', columns: ['name', 'type', 'q', 'shared', 'id'] },
  }),
  create: endpoint({
    method: 'POST',
    path: '/queries',
    summary: 'Save a query',
    input: z.strictObject(fields),
    output: SavedQuery,
    permission: 'session',
    audit: 'query.create',
    errors: ['saved_query.exists', 'query.invalid', 'query.bad_sort'],
    cli: { verb: 'query save', args: ['name', 'type', 'q'] },
  }),
  update: endpoint({
    method: 'PATCH',
    path: '/queries/:id',
    summary: 'Change one of your saved queries; what is left out stays',
    params,
    input: z.strictObject(fields).partial(),
    output: SavedQuery,
    permission: 'session',
    audit: 'query.update',
    errors: ['saved_query.not_found', 'saved_query.exists', 'query.invalid', 'query.bad_sort'],
  }),
  delete: endpoint({
    method: 'DELETE',
    path: '/queries/:id',
    summary: 'Delete one of your saved queries',
    params,
    permission: 'session',
    audit: 'query.delete',
    errors: ['saved_query.not_found'],
    cli: { verb: 'query delete', args: ['id'] },
  }),
} as const
