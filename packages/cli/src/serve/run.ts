import { channel } from 'node:diagnostics_channel'
import type { NearbyHost } from '@nixen/api'
import { startServer, type Server } from '@nixen/server'
import { canAsk, confirm } from '../ask.ts'
import { print, type CommonFlags } from '../command.ts'
import { clientOf } from '../connect/connect.ts'
import { stateDirectory } from '../connect/state-directory.ts'
import type { NixenContext } from '../context.ts'
import { cliErrors } from '../errors.ts'
import { untilAborted } from '../serving.ts'
import { nixenVersion } from '../version.ts'
import type { Simulated } from './simulate.ts'

export interface ServeFlags extends CommonFlags {
  readonly state?: string
  readonly config?: string
  readonly set?: readonly (readonly [key: string, value: string])[]
  readonly simulate?: boolean
}

/** `nixen serve`: the control plane until it is interrupted. */
export async function serve(context: NixenContext, flags: ServeFlags): Promise<void> {
  const environment = context.process.env ?? {}
  const stateDir = stateDirectory(environment, flags.state)
  await using server = await startServer({
    stateDir,
    version: nixenVersion,
    flags: Object.fromEntries(flags.set ?? []),
    logTo: quietOnTerminal(context),
    environment,
    file: flags.config,
    clock: context.clock,
  })
  // Until here the release spares memory (scripts/release/nixen.mjs).
  channel('nixen.listening').publish({ url: server.url })
  await using simulated = (await wantsSimulated(context, server, flags))
    ? await simulateIn(context, server, stateDir)
    : undefined
  const nearby = await nearbyHosts(context, server)
  const found = { server, simulated, nearby, stateDir, command: commandFor(context, flags, stateDir) }
  print(context, flags, { json: describe(found), text: greeting(found) })
  await untilAborted(context.signal)
}

/** Somebody who reads along wants the sentences below, and warnings: not a line for each request. */
function quietOnTerminal({ process: { stderr } }: NixenContext): { write(line: string): void } | undefined {
  if (stderr.isTTY !== true) return undefined
  // pino's number of `info`.
  return { write: (line) => (line.startsWith('{"level":30,') ? undefined : stderr.write(line)) }
}

/** Asks on the first start of an installation; without somebody to ask there is none unless it is asked for. */
async function wantsSimulated(context: NixenContext, server: Server, flags: ServeFlags): Promise<boolean> {
  if (flags.simulate !== undefined) return flags.simulate
  if (server.setUpUrl === undefined || flags.json || !canAsk()) return false
  return await confirm(
    context,
    'There is nothing here yet. Try Nixen with a simulated pool of 3 hosts and 40 VMs?',
    true,
  )
}

/** On the first start of an installation: what is here to be connected. */
async function nearbyHosts(context: NixenContext, server: Server): Promise<readonly NearbyHost[]> {
  if (server.setUpUrl === undefined || server.localSocket === undefined) return []
  const local = clientOf({ name: 'local', baseUrl: 'http://localhost', socketPath: server.localSocket }, context)
  const { items } = await local.connection.nearby()
  return items.filter(({ connected }) => !connected)
}

/** What to type to connect them. */
function offers(nearby: readonly NearbyHost[], command: string): string[] {
  return nearby.flatMap(({ address, socket, usable }) => [
    '',
    usable
      ? 'libvirt runs on this machine. To connect it, in another terminal:'
      : `libvirt runs on this machine, but ${socket} is closed to this user. Join its group (most often libvirt), start again, then:`,
    `  ${command} connection add ${address}`,
  ])
}

async function simulateIn(context: NixenContext, server: Server, stateDir: string): Promise<Simulated> {
  if (server.localSocket === undefined) throw cliErrors.no_local_socket({ directory: stateDir })
  const local = clientOf({ name: 'local', baseUrl: 'http://localhost', socketPath: server.localSocket }, context)
  // A server that simulates nothing does not load the toolstack.
  const { simulate } = await import('./simulate.ts')
  return await simulate(local, stateDir)
}

interface Running {
  readonly server: Server
  readonly simulated: Simulated | undefined
  readonly nearby: readonly NearbyHost[]
  readonly stateDir: string
  /** What to type before the words of a command on this machine. */
  readonly command: string
}

/** As this server was started: from a checkout `nixen` is hardly on the PATH, and another state directory has to be said. */
function commandFor({ process: { env } }: NixenContext, { state }: ServeFlags, stateDir: string): string {
  const program = env?.['NIXEN_PROGRAM'] ?? 'nixen'
  return state === undefined ? program : `NIXEN_STATE_DIR='${stateDir}' ${program}`
}

function describe({ server, simulated, nearby, stateDir }: Running): object {
  const { url, fingerprint, setUpUrl, localSocket } = server
  const pool = simulated && {
    url: simulated.toolstack.url,
    fingerprint: simulated.toolstack.fingerprint,
    connection: simulated.connection.id,
  }
  return {
    url,
    fingerprint,
    setUpToken: setUpUrl?.split('#')[1],
    setUpUrl,
    localSocket,
    stateDir,
    simulated: pool,
    nearby,
  }
}

function greeting({ server, simulated, nearby, stateDir, command }: Running): string {
  const { url, fingerprint, setUpUrl, localSocket } = server
  const pin = fingerprint === undefined ? '' : ` \\\n    --fingerprint ${fingerprint}`
  return [
    `Nixen ${nixenVersion} answers at ${url} (REST API: ${url}api/v1/)`,
    ...(fingerprint === undefined ? [] : [`Certificate (SHA-256): ${fingerprint}`]),
    `State: ${stateDir}`,
    ...(setUpUrl === undefined
      ? []
      : [
          '',
          'There is no user yet. This link makes the first administrator, in a browser; it works once:',
          `  ${setUpUrl}`,
          'Without a browser, here or on another machine:',
          `  ${command} setup --username admin --link '${setUpUrl}'${pin}`,
        ]),
    ...(simulated
      ? [
          '',
          `Simulated pool: ${simulated.toolstack.url}, user root, password nixen; connected as "${simulated.connection.name}".`,
        ]
      : []),
    ...(localSocket === undefined
      ? []
      : ['', 'On this machine you need no log-in. In another terminal:', `  ${command} vm list`]),
    ...offers(nearby, command),
    '',
    'Ctrl-C ends it.',
  ].join('\n')
}
