import { z } from 'zod'
import { endpoint } from '../contract/endpoint.ts'
import { HostId, VmId } from '../ids/resource-id.ts'
import { flag, word } from '../schema/fields.ts'
import { consoleKinds, ConsoleTicket } from './console.ts'

const input = z.strictObject({
  kind: word(consoleKinds, 'A screen with keyboard and pointer, or a terminal.').default('vnc'),
  viewOnly: flag('Only look: what is typed and pointed at does not reach the console.').default(false),
})
const description =
  'Gives a ticket that opens the console once, within 30 seconds: a WebSocket to `GET /console` with the subprotocols `binary` and `nixen.ticket.TICKET`. It ends when the permission is withdrawn, the session or token ends, or the machine stops.'
const reaching = [
  'request.not_allowed',
  'connection.not_connected',
  'connection.read_only',
  'connection.unreachable',
  'connection.timeout',
  'connection.forbidden',
  'console.none',
  'console.too_many',
] as const

export const vmConsole = endpoint({
  method: 'POST',
  path: '/vms/:id/console',
  summary: 'Open the console of a VM',
  description,
  params: z.strictObject({ id: VmId }),
  input,
  output: ConsoleTicket,
  permission: 'vm:console',
  audit: 'vm.console',
  errors: ['vm.not_found', ...reaching],
})

export const hostConsole = endpoint({
  method: 'POST',
  path: '/hosts/:id/console',
  summary: 'Open the console of a host',
  description,
  params: z.strictObject({ id: HostId }),
  input,
  output: ConsoleTicket,
  permission: 'host:console',
  audit: 'host.console',
  errors: ['host.not_found', ...reaching],
})
