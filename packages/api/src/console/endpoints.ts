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

/** What the screen of a VM shows. */
export const vmScreenshot = endpoint({
  method: 'GET',
  path: '/vms/:id/screenshot',
  summary: 'Take a picture of what the screen of a VM shows',
  description: 'A JPEG or PNG, as the host makes it; `content-type` says which.',
  params: z.strictObject({ id: VmId }),
  download: 'image/*',
  permission: 'vm:console',
  audit: 'vm.screenshot',
  errors: [
    'vm.not_found',
    'request.not_allowed',
    'console.not_shown',
    'connection.not_connected',
    'connection.unreachable',
    'connection.timeout',
    'connection.forbidden',
  ],
  cli: { verb: 'vm screenshot', args: ['id'] },
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
