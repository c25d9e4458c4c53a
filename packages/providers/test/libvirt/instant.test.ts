import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import { MiB } from '@nixen/core'
import { MemoryFile, overlayDisk, serveNbd } from '@nixen/disk'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { diskOf, MemoryJournal, takeIn } from '../../src/conformance/index.ts'
import { formatId } from '@nixen/api'
import { libvirtProvider, type ProviderSession } from '../../src/index.ts'
import { ports } from '../connect.ts'
import { folderIn, idOf, LibvirtWorld, specOf, uuidOf } from './world.ts'

let world: LibvirtWorld
let session: ProviderSession
beforeAll(async () => {
  world = await LibvirtWorld.start()
  session = await libvirtProvider.open(specOf(world.daemon), ports)
})
afterAll(async () => {
  await session?.[Symbol.asyncDispose]()
  await world?.[Symbol.asyncDispose]()
})

test('a VM starts from an export, writes, moves to a storage while it runs, and the export is free', async () => {
  const dom = await world.define('first', [await world.disk('first.qcow2', 4 * MiB)])
  await world.start(dom)
  await world.write(dom, 'vda', { offset: MiB, bytes: new Uint8Array(MiB).fill(5) })
  const frozen = await session.protect.freeze(idOf(dom.uuid), { owner: 'instant', journal: new MemoryJournal() })
  const opened = await session.protect.openDisk(frozen, 'vda')
  const content = await takeIn(opened)
  await opened[Symbol.asyncDispose]()
  await session.protect.release(frozen)

  const socketPath = join(await folderIn(world, 'exports'), 'nbd')
  const overlay = await overlayDisk(diskOf(content), new MemoryFile())
  await using server = await serveNbd({
    exports: [{ name: 'vda', source: overlay, writable: overlay }],
    listen: { socketPath },
  })
  await chmod(socketPath, 0o666)
  const journal = new MemoryJournal()
  const disks = [{ key: 'vda', size: content.length, exportName: 'vda', at: { kind: 'unix', socketPath } as const }]
  const instant = session.instant
  if (!instant) throw new Error('there is no instant restore')
  const { vm } = await instant.start({ config: frozen.config, name: 'second', disks }, { journal })
  expect(server.connections).toBeGreaterThan(0)
  const second = (await world.libvirt.call.domainLookupByUuid({ uuid: uuidOf(vm) })).dom
  await world.io(second, 'vda', 'write -P 9 0 65536')
  const { pool } = await world.libvirt.call.storagePoolLookupByName({ name: 'default' })
  const storage = formatId({ type: 'storage', connection: specOf(world.daemon).id, key: pool.uuid })
  await instant.move(vm, { storage, journal })
  await expect.poll(() => server.connections).toBe(0)
  expect(journal.open).toEqual([])
  const now = await world.content(second, 'vda')
  const wanted = Buffer.from(content)
  wanted.fill(9, 0, 65_536)
  expect(Buffer.compare(now, wanted)).toBe(0)
})
