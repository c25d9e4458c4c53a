import { z } from 'zod'
import { endpoint } from '../contract/endpoint.ts'
import { ChannelId } from '../ids/own-id.ts'
import { Channel, ChannelChange, ChannelTest, Delivery, NewChannel } from './channel.ts'

const params = z.strictObject({ id: ChannelId })

/** Ways to reach people. */
export const channelEndpoints = {
  list: endpoint({
    method: 'GET',
    path: '/channels',
    summary: 'List channels and how they do',
    output: z.strictObject({ items: z.array(Channel) }),
    permission: 'channel:read',
    cli: { verb: 'channel list', columns: ['name', 'kind', 'address', 'enabled', 'waiting', 'lastSent', 'id'] },
  }),
  get: endpoint({
    method: 'GET',
    path: '/channels/:id',
    summary: 'Show one channel',
    params,
    output: Channel,
    permission: 'channel:read',
    errors: ['channel.not_found'],
    cli: { verb: 'channel get', args: ['id'] },
  }),
  create: endpoint({
    method: 'POST',
    path: '/channels',
    summary: 'Make a channel',
    description: 'Nothing is sent; use test afterwards. Secrets are kept encrypted and never shown.',
    input: NewChannel,
    output: Channel,
    permission: 'channel:create',
    audit: 'channel.create',
    errors: ['channel.name_taken'],
    cli: { verb: 'channel create', args: ['kind', 'name'] },
  }),
  update: endpoint({
    method: 'PATCH',
    path: '/channels/:id',
    summary: 'Change a channel; what is left out stays',
    params,
    input: ChannelChange,
    output: Channel,
    permission: 'channel:update',
    audit: 'channel.update',
    errors: ['channel.not_found', 'channel.name_taken', 'channel.secret_needed', 'channel.wrong_kind'],
    cli: { verb: 'channel update', args: ['id'] },
  }),
  remove: endpoint({
    method: 'DELETE',
    path: '/channels/:id',
    summary: 'Remove a channel; what waits in it is dropped',
    params,
    permission: 'channel:delete',
    audit: 'channel.remove',
    errors: ['channel.not_found', 'channel.in_use'],
    cli: { verb: 'channel remove', args: ['id'] },
  }),
  test: endpoint({
    method: 'POST',
    path: '/channels/:id/test',
    summary: 'Send a test message now and show what the server says',
    params,
    output: ChannelTest,
    permission: 'channel:test',
    audit: 'channel.test',
    errors: ['channel.not_found'],
    cli: { verb: 'channel test', args: ['id'] },
  }),
  deliveries: endpoint({
    method: 'GET',
    path: '/channels/:id/deliveries',
    summary: 'List the messages of a channel, the newest first',
    params,
    input: z.strictObject({
      state: z.enum(['waiting', 'sent', 'failed']).optional().meta({ description: 'Only those in this state.' }),
      limit: z.int().min(1).max(1000).default(100).meta({ description: 'Most messages in the answer.' }),
    }),
    output: z.strictObject({ items: z.array(Delivery) }),
    permission: 'channel:read',
    errors: ['channel.not_found'],
    cli: {
      verb: 'channel deliveries',
      args: ['id'],
      columns: ['created', 'state', 'tries', 'next', 'subject', 'answer'],
    },
  }),
} as const
