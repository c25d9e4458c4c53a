import { startServer, type Server } from '@nixen/server'
import type { Toolstack } from '@nixen/toolstack'
import { print, type CommonFlags } from '../command.ts'
import type { NixenContext } from '../context.ts'
import { untilAborted } from '../serving.ts'
import { nixenVersion } from '../version.ts'
import { stateDirectory } from './state-directory.ts'

export interface ServeFlags extends CommonFlags {
  readonly state?: string
  readonly config?: string
  readonly set?: readonly (readonly [key: string, value: string])[]
  readonly simulate: boolean
}

/** `nixen serve`: the control plane until it is interrupted. */
export async function serve(context: NixenContext, flags: ServeFlags): Promise<void> {
  const environment = context.process.env ?? {}
  await using server = await startServer({
    stateDir: stateDirectory(flags.state, environment),
    version: nixenVersion,
    flags: Object.fromEntries(flags.set ?? []),
    environment,
    file: flags.config,
    clock: context.clock,
  })
  await using simulated = flags.simulate ? await simulate() : undefined
  print(context, flags, { json: describe(server, simulated), text: greeting(server, simulated) })
  await untilAborted(context.signal)
}

function describe({ url, fingerprint, setUpUrl }: Server, simulated: Toolstack | undefined): object {
  const pool = simulated && { url: simulated.url, fingerprint: simulated.fingerprint }
  return { url, fingerprint, setUpToken: tokenOf(setUpUrl), simulated: pool }
}

/** The token is behind the `#`, where it reaches no log. */
function tokenOf(setUpUrl: string | undefined): string | undefined {
  return setUpUrl?.slice(setUpUrl.indexOf('#') + 1)
}

function greeting({ url, fingerprint, setUpUrl }: Server, simulated: Toolstack | undefined): string {
  const token = tokenOf(setUpUrl)
  return [
    `Nixen ${nixenVersion} answers at ${url}api/v1/`,
    ...(fingerprint === undefined ? [] : [`Certificate (SHA-256): ${fingerprint}`]),
    ...(token === undefined
      ? []
      : [
          'There is no user yet. Make the first administrator with this token, which works once:',
          `  curl -k ${url}api/v1/setup --json '{"token":"${token}","name":"admin","password":"…"}'`,
        ]),
    ...(simulated
      ? [`Simulated pool: ${simulated.url}, user root, password nixen`, `  its certificate: ${simulated.fingerprint}`]
      : []),
    'Ctrl-C ends it.',
  ].join('\n')
}

/** Loaded when it is asked for: as large as the server itself. */
async function simulate(): Promise<Toolstack> {
  const { startToolstack } = await import('@nixen/toolstack')
  return await startToolstack({ hosts: 3, vms: 40, port: 0 })
}
