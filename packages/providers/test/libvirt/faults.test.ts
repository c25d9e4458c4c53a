import { MiB } from '@nixen/core'
import type { Domain } from '@nixen/libvirt'
import { constants as c, Libvirt } from '@nixen/libvirt'
import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { MemoryJournal, takeIn } from '../../src/conformance/index.ts'
import { libvirtProvider, type FrozenVm, type ProviderSession } from '../../src/index.ts'
import { ports } from '../connect.ts'
import { idOf, LibvirtWorld, specOf } from './world.ts'

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

let count = 0
async function machine(format: 'qcow2' | 'raw' = 'qcow2'): Promise<Domain> {
  const name = `fault-${++count}`
  return await world.define(name, [await world.disk(`${name}.${format}`, 4 * MiB, format)])
}

const freeze = async (dom: Domain, more: object = {}): Promise<FrozenVm> =>
  await session.protect.freeze(idOf(dom.uuid), { owner: 'faults', journal: new MemoryJournal(), ...more })

/** Reads the first disk, since an earlier backup if there is one, and says how. */
async function read(frozen: FrozenVm, before?: { frozen: FrozenVm; content: Buffer }) {
  const since = before?.frozen.disks[0]?.token
  await using opened = await session.protect.openDisk(frozen, 'vda', since === undefined ? {} : { since })
  const content = await takeIn(opened, before?.content)
  return { content, how: opened.how, because: opened.because.map(({ code }) => code) }
}

const stateOf = async (dom: Domain): Promise<number> => (await world.libvirt.call.domainGetState({ dom })).state

describe('a backup', () => {
  test('of a VM that is off starts it paused, is incremental the next time, and leaves it off', async () => {
    const dom = await machine()
    await world.start(dom)
    await world.write(dom, 'vda', { offset: 0, bytes: new Uint8Array(MiB).fill(1) })
    await world.libvirt.call.domainDestroyFlags({ dom, flags: c.VIR_DOMAIN_DESTROY_GRACEFUL })
    const first = await freeze(dom)
    expect(first.mode).toBe('halted')
    expect(await stateOf(dom)).toBe(c.VIR_DOMAIN_PAUSED)
    const { content } = await read(first)
    await session.protect.keep(first, { data: 'purge' })
    expect(await stateOf(dom)).toBe(c.VIR_DOMAIN_SHUTOFF)
    const second = await freeze(dom)
    const again = await read(second, { frozen: first, content })
    await session.protect.release(second)
    expect(again.how).toBe('nbd-cbt')
    expect(Buffer.compare(again.content, await world.content(dom, 'vda'))).toBe(0)
    expect(await stateOf(dom)).toBe(c.VIR_DOMAIN_SHUTOFF)
  })

  test('after QEMU was killed reads everything, says so, and is incremental again the next time', async () => {
    const dom = await machine()
    await world.start(dom)
    const first = await freeze(dom)
    const { content } = await read(first)
    await session.protect.keep(first, { data: 'purge' })
    const pid = Number(await readFile(`${world.daemon.folder}/run/libvirt/qemu/run/${dom.name}.pid`, 'utf8'))
    process.kill(pid, 'SIGKILL')
    await expect.poll(async () => await stateOf(dom)).toBe(c.VIR_DOMAIN_SHUTOFF)
    await world.start(dom)
    await world.write(dom, 'vda', { offset: MiB, bytes: new Uint8Array(4096).fill(7) })
    const second = await freeze(dom)
    const full = await read(second, { frozen: first, content })
    expect(full.how).toBe('nbd-full')
    expect(full.because).toEqual(['tracking_damaged'])
    expect(second.notes.map(({ code }) => code)).toContain('tracking-damaged')
    expect(Buffer.compare(full.content, await world.content(dom, 'vda'))).toBe(0)
    await session.protect.keep(second, { data: 'purge', drop: first.disks.map(({ token }) => token) })
    await world.write(dom, 'vda', { offset: 2 * MiB, bytes: new Uint8Array(4096).fill(8) })
    const third = await freeze(dom)
    const next = await read(third, { frozen: second, content: full.content })
    await session.protect.release(third)
    expect({ how: next.how, because: next.because }).toEqual({ how: 'nbd-cbt', because: [] })
    expect(Buffer.compare(next.content, await world.content(dom, 'vda'))).toBe(0)
  })

  test('of a raw image is whole each time, with the reason', async () => {
    const dom = await machine('raw')
    await world.start(dom)
    const first = await freeze(dom)
    expect(first.disks[0]?.tracking).toMatchObject({ off: expect.stringContaining('raw') as string })
    const { content, how } = await read(first)
    expect(how).toBe('nbd-full')
    const kept = await session.protect.keep(first, { data: 'purge' })
    expect(kept.disks[0]?.kept).toBe('nothing')
    const second = await freeze(dom)
    expect((await read(second, { frozen: first, content })).because).toEqual(['tracking_unsupported'])
    await session.protect.release(second)
  })

  test('of a guest without an agent is as after a power cut, or refused where that is not wanted', async () => {
    const dom = await machine()
    await world.start(dom)
    const frozen = await freeze(dom, { quiesce: 'try' })
    expect({ quiesced: frozen.quiesced, notes: frozen.notes.map(({ code }) => code) }).toEqual({
      quiesced: false,
      notes: ['not-quiesced'],
    })
    await session.protect.release(frozen)
    await expect(freeze(dom, { quiesce: 'require' })).rejects.toMatchObject({ code: 'protect.cannot_quiesce' })
    expect((await world.everything()).filter((name) => name.includes(dom.uuid))).toEqual([`domain ${dom.uuid}`])
  })

  test('goes on when the daemon was killed in the middle of it', async () => {
    const dom = await machine()
    await world.start(dom)
    await world.write(dom, 'vda', { offset: 0, bytes: new Uint8Array(MiB).fill(3) })
    const expected = await world.content(dom, 'vda')
    const frozen = await freeze(dom)
    await world.daemon.stop('SIGKILL')
    await world.daemon.start()
    await session[Symbol.asyncDispose]()
    session = await libvirtProvider.open(specOf(world.daemon), ports)
    expect(Buffer.compare((await read(frozen)).content, expected)).toBe(0)
    await session.protect.release(frozen)
    await using libvirt = await Libvirt.connect({ uri: world.daemon.uri })
    const { checkpoints } = await libvirt.call.domainListAllCheckpoints({ dom, needResults: 1 })
    expect(checkpoints).toEqual([])
  })
})
