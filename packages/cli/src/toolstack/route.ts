import { commonFlags, lazyCommand } from '../command.ts'
import { countParser, portParser, textParser, wholeParser } from '../parse.ts'

const count = (brief: string, fallback: string) =>
  ({ kind: 'parsed', parse: countParser, brief, placeholder: 'N', default: fallback }) as const

/** `nixen toolstack` */
export const toolstackRoute = lazyCommand(async () => (await import('./run.ts')).toolstack, {
  parameters: {
    flags: {
      ...commonFlags,
      pools: count('Pools', '1'),
      hosts: count('Hosts of each pool', '3'),
      vms: { kind: 'parsed', parse: wholeParser, brief: 'VMs of each pool', placeholder: 'N', default: '40' },
      seed: {
        kind: 'parsed',
        parse: wholeParser,
        brief: 'The same seed makes the same inventory',
        placeholder: 'N',
        default: '1',
      },
      data: {
        kind: 'parsed',
        parse: textParser,
        brief: 'Directory that keeps the state',
        placeholder: 'DIR',
        optional: true,
      },
      port: { kind: 'parsed', parse: portParser, brief: 'Port of every host', placeholder: 'PORT', default: '9443' },
      http: { kind: 'boolean', brief: 'Plain HTTP instead of HTTPS', default: false },
      listen: {
        kind: 'parsed',
        parse: textParser,
        brief: 'Address of a host instead of 127.0.1.1, 127.0.1.2, …; once for each host, pool by pool',
        placeholder: 'ADDRESS',
        variadic: true,
        optional: true,
      },
      password: {
        kind: 'parsed',
        parse: textParser,
        brief: 'Password of root; "nixen" when left out',
        placeholder: 'TEXT',
        optional: true,
      },
      waits: { kind: 'boolean', brief: 'Batch events for 50 ms, as a host does', default: true },
    },
  },
  docs: {
    brief: 'Run simulated XAPI pools (XCP-ng) on this machine until interrupted',
    fullDescription:
      'A XAPI-compatible daemon whose inventory is simulated and whose wire, errors, events and tasks are real. Any XAPI client can use it. It listens on loopback only, unless told otherwise.',
  },
})
