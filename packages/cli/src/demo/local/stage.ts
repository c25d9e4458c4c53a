import { randomBytes } from 'node:crypto'
import { chown, mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Client, ConnectionId, Vm } from '@nixen/api'
import { MiB } from '@nixen/core'
import { Libvirt, xml, type Domain } from '@nixen/libvirt'
import { startServer, type Server } from '@nixen/server'
import { clientOf } from '../../connect/connect.ts'
import type { NixenContext } from '../../context.ts'
import { cliErrors } from '../../errors.ts'
import { buildTinyGuest, startOwnDaemon, tinyDomainXml, type OwnDaemon } from '../../local-lab/index.ts'
import { nixenVersion } from '../../version.ts'
import { until, type Asking } from '../follow.ts'
import { GuestShell } from './guest-shell.ts'

/** Bytes of the guest's disk. */
export const diskSize = 96 * MiB
/** Name of the VM. */
export const vmName = 'nixen-demo'

/** Everything that the demonstration on a real guest works with; disposing of it ends and removes all. */
export interface LocalStage extends AsyncDisposable {
  readonly asking: Asking
  readonly client: Client
  readonly folder: string
  readonly daemon: OwnDaemon
  readonly connection: ConnectionId
  readonly vm: Vm
  /** A shell in the guest of a domain. */
  readonly shell: (name: string) => Promise<GuestShell>
}

/** Starts a libvirt daemon of its own with a VM on it, and a server that is connected with it. */
export async function openLocalStage(context: NixenContext): Promise<LocalStage> {
  const { signal, clock } = context
  await using parts = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'nixen-demo-'))
  parts.defer(async () => await rm(folder, { recursive: true, force: true }))
  const daemon = parts.use(await startOwnDaemon())
  const libvirt = parts.use(await Libvirt.connect({ uri: daemon.uri }, { signal }))
  await makeMachine(daemon, libvirt, signal)
  const stateDir = join(folder, 'state')
  const flags = { 'server.listen': '127.0.0.1', 'server.port': 0, 'log.level': 'error' }
  const server = parts.use(await startServer({ stateDir, version: nixenVersion, flags }))
  if (server.localSocket === undefined) throw cliErrors.no_local_socket({ directory: stateDir })
  const client = clientOf({ name: 'local', baseUrl: 'http://localhost', socketPath: server.localSocket }, context)
  const asking = { client, signal, clock }
  await makeUser(client, server)
  const target = { kind: 'libvirt', name: 'This machine', address: daemon.uri } as const
  const { id: connection } = await client.connection.add(target, { signal })
  const vm = await until(asking, 'the VM', async () => {
    const { items } = await client.vm.list({ q: `name:="${vmName}"` }, { signal })
    return items[0]
  })
  const running = parts.move()
  return {
    asking,
    client,
    folder,
    daemon,
    connection,
    vm,
    async shell(name) {
      const { dom } = await libvirt.call.domainLookupByName({ name })
      return new GuestShell({ libvirt, dom, clock, signal })
    },
    [Symbol.asyncDispose]: async () => await running.disposeAsync(),
  }
}

async function makeMachine(daemon: OwnDaemon, libvirt: Libvirt, signal: AbortSignal): Promise<Domain> {
  const images = join(daemon.folder, 'images')
  // Kernel and initramfs beside the pool: they are no disks.
  const guest = await buildTinyGuest({ folder: join(daemon.folder, 'guest'), diskSize, signal })
  const disk = join(images, `${vmName}.qcow2`)
  await rename(guest.disk, disk)
  await chown(disk, daemon.uid, daemon.gid)
  const target = xml('target', {}, xml('path', {}, images))
  const pool = xml('pool', { type: 'dir' }, xml('name', {}, 'default'), target).toString()
  const { pool: made } = await libvirt.call.storagePoolDefineXml({ xml: pool })
  await libvirt.call.storagePoolCreate({ pool: made })
  return (await libvirt.call.domainDefineXmlFlags({ xml: tinyDomainXml(guest, { name: vmName, disk }) })).dom
}

async function makeUser(client: Client, { setUpUrl }: Server): Promise<void> {
  const password = randomBytes(12).toString('base64url')
  await client.session.setUp({ token: setUpUrl?.split('#')[1] ?? '', name: 'admin', password })
}
