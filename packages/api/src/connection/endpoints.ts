import { z } from 'zod'
import { endpoint } from '../contract/endpoint.ts'
import { ConnectionId } from '../ids/own-id.ts'
import { listInput, pageOf } from '../list/list.ts'
import { Connection } from './connection.ts'
import { ConnectionProbe, connectionTargets, connectionUpdates, NearbyHost } from './target.ts'

const params = z.strictObject({ id: ConnectionId })
const reaching = [
  'connection.unreachable',
  'connection.timeout',
  'connection.wrong_credentials',
  'connection.unknown_certificate',
  'connection.certificate_changed',
  'connection.tls_failed',
  'connection.not_the_product',
] as const

export const connectionEndpoints = {
  list: endpoint({
    method: 'GET',
    path: '/connections',
    summary: 'List connections and how they stand',
    input: z.strictObject(listInput),
    output: pageOf(Connection),
    permission: 'connection:read',
    errors: ['query.invalid', 'query.bad_sort', 'query.bad_cursor'],
    cli: { verb: 'connection list', columns: ['name', 'kind', 'address', 'state', 'since', 'product', 'id'] },
  }),
  nearby: endpoint({
    method: 'GET',
    path: '/connections/nearby',
    summary: 'Find hosts on the machine of the server',
    description: 'Looks for the sockets of libvirt daemons. Made for the first run; nothing is connected to.',
    output: z.strictObject({ items: z.array(NearbyHost) }),
    permission: 'connection:add',
    cli: { verb: 'connection nearby', columns: ['kind', 'address', 'socket', 'usable', 'connected'] },
  }),
  get: endpoint({
    method: 'GET',
    path: '/connections/:id',
    summary: 'Show one connection',
    params,
    output: Connection,
    permission: 'connection:read',
    errors: ['connection.not_found'],
    cli: { verb: 'connection get', args: ['id'] },
  }),
  add: endpoint({
    method: 'POST',
    path: '/connections',
    summary: 'Connect a pool, a libvirt host or a Proxmox cluster',
    description:
      'Logs in once before anything is kept. A certificate that no known authority signed is refused with its fingerprint; send that as `fingerprint` to pin it.',
    input: z.discriminatedUnion('kind', [connectionTargets.xapi, connectionTargets.libvirt, connectionTargets.proxmox]),
    output: Connection,
    permission: 'connection:add',
    audit: 'connection.add',
    errors: ['connection.exists', ...reaching],
    cli: { verb: 'connection add', args: ['kind', 'address'] },
  }),
  test: endpoint({
    method: 'POST',
    path: '/connections/test',
    summary: 'Try an address and credentials without keeping them',
    description:
      'Says what is at the other end and which certificate it shows. Without credentials only the certificate is looked at.',
    input: z.discriminatedUnion('kind', [connectionTargets.xapi, connectionTargets.libvirt, connectionTargets.proxmox]),
    output: ConnectionProbe,
    permission: 'connection:test',
    audit: 'connection.test',
    errors: ['connection.unreachable', 'connection.timeout', 'connection.tls_failed', 'connection.not_the_product'],
    cli: { verb: 'connection test', args: ['kind', 'address'] },
  }),
  update: endpoint({
    method: 'PATCH',
    path: '/connections/:id',
    summary: 'Change a connection; what is left out stays',
    params,
    input: connectionUpdates,
    output: Connection,
    permission: 'connection:update',
    audit: 'connection.update',
    errors: ['connection.not_found', 'connection.exists', 'connection.other_pool', ...reaching],
    cli: { verb: 'connection update', args: ['id'] },
  }),
  reconnect: endpoint({
    method: 'POST',
    path: '/connections/:id/reconnect',
    summary: 'Try again now to connect',
    params,
    output: Connection,
    permission: 'connection:update',
    audit: 'connection.reconnect',
    errors: ['connection.not_found'],
    cli: { verb: 'connection reconnect', args: ['id'] },
  }),
  remove: endpoint({
    method: 'DELETE',
    path: '/connections/:id',
    summary: 'Forget a connection; nothing at the other end is touched',
    params,
    permission: 'connection:remove',
    audit: 'connection.remove',
    errors: ['connection.not_found'],
    cli: { verb: 'connection remove', args: ['id'] },
  }),
} as const
