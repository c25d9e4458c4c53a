import { once } from 'node:events'
import { access } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { userInfo } from 'node:os'
import { messageOf } from '@nixen/core'
import { libvirtErrors } from '../errors.ts'
import type { LibvirtUri } from './uri.ts'

/** Port of TCP without TLS. */
const tcpPort = 16_509

export async function openUnix(uri: LibvirtUri, signal: AbortSignal | undefined): Promise<Socket> {
  const path = uri.parameters.get('socket') ?? (await firstSocket(socketPaths(uri)))
  return await connected(connect({ path }), { address: `${uri.text} (${path})`, signal })
}

export async function openTcp(uri: LibvirtUri, signal: AbortSignal | undefined): Promise<Socket> {
  // `parseUri` demands a host of this transport.
  const socket = connect({ host: uri.host ?? '', port: uri.port ?? tcpPort, noDelay: true })
  return await connected(socket, { address: uri.text, signal })
}

/** The sockets that may serve a URI on its machine, the likelier first: one daemon for all, or one for each driver. */
export function socketPaths({ driver, path, parameters }: LibvirtUri, uid: number = userInfo().uid): readonly string[] {
  const readOnly = parameters.get('mode') === 'ro' ? '-ro' : ''
  const names = ['libvirt', modularDaemons[driver]].filter((name) => name !== undefined)
  const isSession = path === '/session' || (path === '' && uid !== 0)
  if (!isSession) return names.map((name) => `/run/libvirt/${name}-sock${readOnly}`)
  const runtime = process.env['XDG_RUNTIME_DIR'] ?? `/run/user/${uid}`
  return names.map((name) => `${runtime}/libvirt/${name}-sock`)
}

/** Drivers whose daemon has a socket of its own where libvirt is split up. */
const modularDaemons: Readonly<Record<string, string>> = {
  qemu: 'virtqemud',
  xen: 'virtxend',
  lxc: 'virtlxcd',
  vbox: 'virtvboxd',
}

async function firstSocket(paths: readonly string[]): Promise<string> {
  for (const path of paths) {
    const isThere = await access(path).then(
      () => true,
      () => false,
    )
    if (isThere) return path
  }
  // What is not there fails with a name that people know.
  return paths[0] ?? ''
}

/** Waits until a socket is connected. */
export async function connected(
  socket: Socket,
  { address, signal }: { readonly address: string; readonly signal: AbortSignal | undefined },
): Promise<Socket> {
  try {
    await once(socket, 'connect', signal ? { signal } : {})
    return socket
  } catch (cause) {
    socket.destroy()
    signal?.throwIfAborted()
    throw libvirtErrors.unreachable({ address, reason: messageOf(cause) }, { cause })
  }
}
