import { isSubjectRole, startToolstack, type RunningPool } from '@nixen/toolstack'
import { print, type CommonFlags } from '../command.ts'
import type { NixenContext } from '../context.ts'
import { isLoopback, readText, untilAborted } from '../serving.ts'
import { cliErrors } from '../errors.ts'

export interface ToolstackFlags extends CommonFlags {
  readonly pools: number
  readonly hosts: number
  readonly vms: number
  readonly seed: number
  readonly data?: string
  readonly load?: string
  readonly port: number
  readonly http: boolean
  readonly listen?: readonly string[]
  readonly password?: string
  readonly subject?: readonly { readonly name: string; readonly password: string; readonly role: string }[]
  readonly image?: readonly (readonly [vm: string, path: string])[]
  readonly nbdPort?: number
  readonly debugPort?: number
  readonly waits: boolean
  readonly loginDelay: boolean
}

/** `nixen toolstack`: simulated XAPI pools until it is interrupted. */
export async function toolstack(context: NixenContext, flags: ToolstackFlags): Promise<void> {
  const exposed = flags.listen?.find((address) => !isLoopback(address))
  if (exposed !== undefined && flags.password === undefined) throw cliErrors.toolstack_open({ address: exposed })
  const { pools, hosts, vms, seed, data, port, http, listen, password, waits, loginDelay, nbdPort, debugPort } = flags
  const load = flags.load === undefined ? undefined : await readJson(flags.load)
  await using running = await startToolstack({
    pools,
    hosts,
    vms,
    seed,
    dataDir: data,
    load,
    port,
    tls: !http,
    waits,
    loginDelay,
    images: (flags.image ?? []).map(([vm, path]) => ({ vm, path })),
    debugPort,
    users: (flags.subject ?? []).map(({ name, password: own, role }) => {
      if (!isSubjectRole(role)) throw cliErrors.bad_role({ role })
      return { name, password: own, role }
    }),
    ...(nbdPort === undefined ? {} : { nbdPort }),
    ...(listen === undefined ? {} : { listen }),
    ...(password === undefined ? {} : { password }),
  })
  print(context, flags, {
    json: {
      url: running.url,
      fingerprint: running.fingerprint,
      pools: running.pools.map(({ name, url, addresses, notes, debugUrl }) => ({
        name,
        url,
        addresses,
        notes,
        debugUrl,
      })),
    },
    text: [
      ...running.pools.map(describe),
      ...running.pools.flatMap(({ notes }) => notes.map((note) => `- ${note}.`)),
      `User root, password ${password === undefined ? 'nixen' : 'as given'}.`,
      ...(running.fingerprint === undefined ? [] : [`Certificate (SHA-256): ${running.fingerprint}`]),
      data === undefined ? 'Nothing is kept when it ends; --data DIR keeps it.' : `The state is kept in ${data}.`,
      'Ctrl-C ends it.',
    ].join('\n'),
  })
  await untilAborted(context.signal)
}

function describe({ name, url, addresses, debugUrl }: RunningPool): string {
  const others = addresses.filter((address) => address !== new URL(url).hostname)
  const members = others.length > 0 ? ` (members ${others.join(', ')})` : ''
  // A host that never was in a pool with others has one without a name.
  return `${name || 'One host'}: ${url}${members}${debugUrl === undefined ? '' : `, debug port ${debugUrl}`}`
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readText(path)) as unknown
  } catch (cause) {
    throw cause instanceof SyntaxError ? cliErrors.bad_json({ path }, { cause }) : cause
  }
}
