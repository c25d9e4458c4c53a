import { z } from 'zod'
import { endpoint } from '../contract/endpoint.ts'
import { ConnectionId } from '../ids/own-id.ts'
import { flag } from '../schema/fields.ts'

/** Calls of the hypervisor's own API, for what Nixen does not model. */
export const callEndpoints = {
  call: endpoint({
    method: 'POST',
    path: '/connections/:id/call',
    summary: 'Call a message of XAPI itself',
    description:
      'Without `write` only messages that read (`CLASS.get_…`) are sent, and none of secrets and sessions; with it any, for those who may manage the pool.',
    params: z.strictObject({ id: ConnectionId }),
    input: z.strictObject({
      method: z
        .string()
        .regex(/^[A-Za-z_]{1,40}\.[A-Za-z0-9_]{1,80}$/, { error: 'CLASS.message, for example VM.get_record.' })
        .meta({ description: 'Class and message: VM.get_record.' }),
      args: z
        .array(z.unknown())
        .max(30)
        .default([])
        .meta({ description: 'Its parameters without the session. `uuid:CLASS:UUID` stands for the reference.' }),
      write: flag('It may change something.').default(false),
    }),
    output: z.strictObject({ result: z.unknown().meta({ description: 'What the host answered.' }) }),
    permission: 'pool:update',
    audit: 'connection.call',
    errors: ['connection.not_found', 'connection.not_connected', 'connection.unsupported', 'connection.read_only'],
    cli: { verb: 'xapi call', args: ['id', 'method', 'args'] },
  }),
} as const
