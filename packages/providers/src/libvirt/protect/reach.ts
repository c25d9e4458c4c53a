import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectionErrors } from '@nixen/api'
import type { LibvirtContext } from '../actions/context.ts'

/** A unix socket on this machine that leads to one of the host. */
export interface Way extends AsyncDisposable {
  readonly path: string
}

/** Milliseconds in which ssh has to have made its socket. */
const limit = 20_000

/** Reaches a unix socket of the host: it is here, or ssh brings it here. @throws connection.unsupported, connection.unreachable */
export async function reachSocket(
  { link, clock }: LibvirtContext,
  path: string,
  signal: AbortSignal | undefined,
): Promise<Way> {
  const { uri } = link.main
  if (uri.transport === 'unix') return { path, [Symbol.asyncDispose]: async () => await Promise.resolve() }
  if (uri.transport !== 'ssh') {
    throw connectionErrors.unsupported({
      action: 'backup',
      reason: `Disks are read over a socket of the host, which ${uri.transport} does not reach. Connect to the host by ssh (qemu+ssh://).`,
    })
  }
  const folder = await mkdtemp(join(tmpdir(), 'nixen-nbd-'))
  const here = join(folder, 'nbd')
  const child = spawn('ssh', [...forwardArguments(uri, { here, there: path })], { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-1000)))
  const ended = once(child, 'close').then(
    () => true,
    () => true,
  )
  const way = {
    path: here,
    async [Symbol.asyncDispose]() {
      child.kill()
      await ended
      await rm(folder, { recursive: true, force: true })
    },
  }
  for (let waited = 0; waited < limit; waited += 50) {
    if (await exists(here)) return way
    const isOver = await Promise.race([ended, clock.sleep(50, { signal }).then(() => false)])
    if (isOver) break
  }
  await way[Symbol.asyncDispose]()
  throw connectionErrors.unreachable({
    address: uri.text,
    reason: said.trim() || 'ssh did not open the way to the disks',
  })
}

function forwardArguments(
  uri: LibvirtContext['link']['main']['uri'],
  { here, there }: { readonly here: string; readonly there: string },
): string[] {
  const { host = '', port, username, parameters } = uri
  const keyFile = parameters.get('keyfile')
  const knownHosts = parameters.get('known_hosts')
  return [
    '-N',
    '-o',
    'BatchMode=yes',
    '-o',
    'ExitOnForwardFailure=yes',
    '-o',
    'StreamLocalBindMask=0177',
    '-L',
    `${here}:${there}`,
    ...(keyFile === undefined ? [] : ['-i', keyFile, '-o', 'IdentitiesOnly=yes']),
    ...(knownHosts === undefined ? [] : ['-o', `UserKnownHostsFile=${knownHosts}`]),
    ...(port === undefined ? [] : ['-p', String(port)]),
    ...(username === undefined ? [] : ['-l', username]),
    '--',
    host,
  ]
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  )
}
