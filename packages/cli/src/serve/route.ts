import { commonFlags, lazyCommand } from '../command.ts'
import { pairParser, textParser } from '../parse.ts'

/** `nixen serve` */
export const serveRoute = lazyCommand(async () => (await import('./run.ts')).serve, {
  parameters: {
    flags: {
      ...commonFlags,
      state: {
        kind: 'parsed',
        parse: textParser,
        brief:
          'Directory that keeps everything; NIXEN_STATE_DIR, or nixen in the state directory of the user, when left out',
        placeholder: 'DIR',
        optional: true,
      },
      config: {
        kind: 'parsed',
        parse: textParser,
        brief: 'TOML file with settings',
        placeholder: 'FILE',
        optional: true,
      },
      set: {
        kind: 'parsed',
        parse: pairParser,
        brief: 'A setting, for example server.port=443; may be repeated',
        placeholder: 'KEY=VALUE',
        variadic: true,
        optional: true,
      },
      simulate: {
        kind: 'boolean',
        brief: 'Run a simulated pool in the same process and connect it; an empty installation asks on a terminal',
        optional: true,
      },
    },
  },
  docs: {
    brief: 'Run the control plane until interrupted',
    fullDescription:
      'Serves the web console and the REST API of docs/reference/openapi.json. The first start prints how the first administrator is made. On this machine the user who runs it needs no log-in: further commands find the socket in the state directory. Settings: docs/reference/configuration.md.',
  },
})
