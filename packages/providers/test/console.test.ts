import { once } from 'node:events'
import { formatId, type ConnectionId, type ResourceId } from '@nixen/api'
import type { Toolstack } from '@nixen/toolstack'
import { Xapi } from '@nixen/xapi'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { xapiProvider, type ConsoleStream, type ProviderSession } from '../src/index.ts'
import { ports, quickToolstack, specOf } from './connect.ts'

let toolstack: Toolstack
let session: ProviderSession
let xapi: Xapi

beforeAll(async () => {
  toolstack = await quickToolstack({ hosts: 2, vms: 8 })
  session = await xapiProvider.open(specOf(toolstack), ports)
  const tls = { kind: 'pin', fingerprint: toolstack.fingerprint ?? '' } as const
  xapi = await Xapi.connect({ url: toolstack.url, username: 'root', password: 'nixen', tls })
})
afterAll(async () => {
  await xapi[Symbol.asyncDispose]()
  await session[Symbol.asyncDispose]()
  await toolstack[Symbol.asyncDispose]()
})

const idOf = (uuid: string): ResourceId<'vm'> => formatId({ type: 'vm', connection: 'test' as ConnectionId, key: uuid })

/** A machine that nobody uses; each test has its own. */
async function machine(power: 'Running' | 'Halted') {
  const all = [...(await xapi.client.VM.get_all_records())]
  const found = all.find(([, vm]) => vm.power_state === power && !vm.is_a_template && !vm.is_control_domain && !used.has(vm.uuid)) // prettier-ignore
  if (!found) throw new Error(`No VM is ${power}`)
  const [ref, { uuid }] = found
  used.add(uuid)
  return { ref, id: idOf(uuid) }
}
const used = new Set<string>()

async function firstBytes({ bytes }: ConsoleStream): Promise<string> {
  const [part] = (await once(bytes, 'data')) as [Buffer]
  bytes.destroy()
  return part.toString('latin1')
}

describe('a console', () => {
  test('is opened of a screen and of a terminal, as bytes of the host that the VM runs on', async () => {
    const { id } = await machine('Running')
    expect(await session.consoles.find(id, { kind: 'vnc' })).toBe('rfb')
    const screen = await session.consoles.open(id, { kind: 'vnc' })
    expect(screen.protocol).toBe('rfb')
    expect(await firstBytes(screen)).toBe('RFB 003.008\n')
    const terminal = await session.consoles.open(id, { kind: 'text' })
    expect(terminal.protocol).toBe('vt100')
    expect(await firstBytes(terminal)).toContain('Simulated by Nixen')
  })

  test('is opened on the other host after the VM has moved', async () => {
    const { id, ref } = await machine('Running')
    const here = await xapi.client.VM.get_resident_on(ref)
    const there = (await xapi.client.host.get_all()).find((other) => other !== here)
    if (!there) throw new Error('There is one host only')
    await xapi.client.VM.pool_migrate(ref, there, {})
    expect(await firstBytes(await session.consoles.open(id, { kind: 'vnc' }))).toBe('RFB 003.008\n')
  })

  test('of a VM that does not run is none, and of one that is paused is not shown', async () => {
    const { id } = await machine('Halted')
    await expect(session.consoles.open(id, { kind: 'vnc' })).rejects.toMatchObject({
      code: 'console.none',
      details: { id, kind: 'vnc', reason: 'The host offers none.' },
    })
    const other = await machine('Running')
    await xapi.client.VM.pause(other.ref)
    await expect(session.consoles.open(other.id, { kind: 'vnc' })).rejects.toMatchObject({
      code: 'console.not_shown',
      retryable: true,
    })
  })

  test('of what is not there is not found; what the host refuses has its code; a signal ends the opening', async () => {
    const { id } = await machine('Running')
    const gone = idOf('00000000-0000-4000-8000-000000000000')
    await expect(session.consoles.find(gone, { kind: 'vnc' })).rejects.toMatchObject({ code: 'vm.not_found' })
    toolstack.pools[0]?.faults.add({ method: 'VM.get_consoles', count: 1, error: ['RBAC_PERMISSION_DENIED', 'x', ''] })
    await expect(session.consoles.find(id, { kind: 'vnc' })).rejects.toMatchObject({ code: 'connection.forbidden' })
    toolstack.pools[0]?.faults.add({ method: 'console.get_record', count: 1, delay: 20_000 })
    const stop = new AbortController()
    const opening = session.consoles.open(id, { kind: 'vnc', signal: stop.signal })
    stop.abort(new Error('Nobody waits any more.'))
    await expect(opening).rejects.toThrow('Nobody waits any more.')
  })
})
