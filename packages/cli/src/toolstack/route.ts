import { buildRouteMap, type RouteMap } from '@stricli/core'
import { commonFlags, lazyCommand } from '../command.ts'
import type { NixenContext } from '../context.ts'
import { countParser, pairParser, portParser, subjectParser, textParser, wholeParser } from '../parse.ts'

const count = (brief: string, fallback: string) =>
  ({ kind: 'parsed', parse: countParser, brief, placeholder: 'N', default: fallback }) as const

const optionalPort = (brief: string) =>
  ({ kind: 'parsed', parse: portParser, brief, placeholder: 'PORT', optional: true }) as const

const run = lazyCommand(async () => (await import('./run.ts')).toolstack, {
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
      load: {
        kind: 'parsed',
        parse: textParser,
        brief: 'Start the first pool from an inventory that "record" wrote, unless DIR has a state',
        placeholder: 'FILE',
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
      subject: {
        kind: 'parsed',
        parse: subjectParser,
        brief:
          'Let somebody of a simulated directory log in, with a role: pool-admin, pool-operator, vm-power-admin, vm-admin, vm-operator or read-only; may be repeated',
        placeholder: 'NAME:PASSWORD:ROLE',
        variadic: true,
        optional: true,
      },
      image: {
        kind: 'parsed',
        parse: pairParser,
        brief: 'Give a VM of the first pool a real disk: its name and an image file; may be repeated',
        placeholder: 'NAME=IMAGE',
        variadic: true,
        optional: true,
      },
      nbdPort: optionalPort('Port of NBD; 10809 when left out'),
      debugPort: optionalPort('Open the debug port on 127.0.0.1, by which anybody on this machine can play the guests'),
      loginDelay: { kind: 'boolean', brief: 'Answer a wrong password after 5 s, as a host does', default: true },
      waits: { kind: 'boolean', brief: 'Batch events for 50 ms, as a host does', default: true },
    },
  },
  docs: {
    brief: 'Run simulated XAPI pools (XCP-ng) on this machine until interrupted',
    fullDescription:
      'A XAPI-compatible daemon whose inventory is simulated and whose wire, errors, events and tasks are real. Any XAPI client can use it. It listens on loopback only, unless told otherwise.',
  },
})

const optionalText = (brief: string, placeholder: string) =>
  ({ kind: 'parsed', parse: textParser, brief, placeholder, optional: true }) as const

const record = lazyCommand(async () => (await import('./record.ts')).record, {
  parameters: {
    flags: {
      ...commonFlags,
      host: { kind: 'parsed', parse: textParser, brief: 'URL or address of any host of the pool', placeholder: 'URL' },
      user: { kind: 'parsed', parse: textParser, brief: 'Who logs in', placeholder: 'NAME', default: 'root' },
      passwordFile: optionalText('File with the password; NIXEN_XAPI_PASSWORD or a prompt when left out', 'FILE'),
      fingerprint: optionalText(
        "SHA-256 of the host's certificate, when no authority of this machine signed it",
        'HEX',
      ),
      output: { kind: 'parsed', parse: textParser, brief: 'File to make', placeholder: 'FILE' },
    },
    aliases: { o: 'output' },
  },
  docs: {
    brief: 'Write the inventory of a pool to a file that "nixen toolstack --load" starts from',
    fullDescription:
      'Reads all records of any pool that speaks XAPI; changes nothing there. Secrets, sessions and tasks are left out.',
  },
})

/** `nixen toolstack` */
export const toolstackRoutes: RouteMap<NixenContext> = buildRouteMap({
  routes: { run, record },
  defaultCommand: 'run',
  docs: {
    brief: 'Simulated XAPI pools (XCP-ng) on this machine',
    fullDescription: '"nixen toolstack" alone, or with flags, is "nixen toolstack run"; its --help lists them.',
  },
})
