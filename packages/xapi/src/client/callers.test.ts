import { describe, expect, expectTypeOf, test } from 'vitest'
import { isAppError } from '@nixen/core'
import type { VMRecord } from '../generated/records.ts'
import { decodeValue } from '../values/decode.ts'
import { asRef, type Ref, type TaskRef } from '../values/ref.ts'
import type { XapiCall, XapiRequest } from './caller.ts'
import { createCallers } from './callers.ts'

interface Sent {
  readonly method: string
  readonly params: readonly unknown[]
  readonly request: XapiRequest
}

/** A port that answers everything with `raw`, as a transport would. */
function recorder(raw: unknown = '') {
  const sent: Sent[] = []
  const call: XapiCall = async (method, params, request) => {
    sent.push({ method, params, request })
    return await Promise.resolve(request.resultType === undefined ? raw : decodeValue(request.resultType, raw))
  }
  return { sent, client: createCallers(call) }
}

const vm = asRef('VM', 'OpaqueRef:1')
const host = asRef('host', 'OpaqueRef:2')

describe('callers', () => {
  test('send the wire name and the encoded parameters', async () => {
    const { sent, client } = recorder()
    await client.VM.start(vm, false, true)
    await client.VM.set_suspend_SR(vm, null)
    await client.VM.set_memory_limits(vm, 2n ** 30n, 2 ** 30, 2 ** 30, 2 ** 30)
    expect(sent.map(({ method, params }) => [method, ...params])).toEqual([
      ['VM.start', vm, false, true],
      ['VM.set_suspend_SR', vm, 'OpaqueRef:NULL'],
      ['VM.set_memory_limits', vm, 2n ** 30n, 2 ** 30, 2 ** 30, 2 ** 30],
    ])
    expect(sent[0]?.request).toMatchObject({ resultType: 'void', session: true })
  })

  test('start a task and say what it will end with', async () => {
    const { sent, client } = recorder('OpaqueRef:task')
    const task = await client.async.VM.clone(vm, 'copy')
    expect(task).toBe('OpaqueRef:task')
    expect(sent[0]).toMatchObject({
      method: 'Async.VM.clone',
      request: { resultType: 'ref:task', taskResultType: 'ref:VM' },
    })
  })

  test('leave out optional parameters that are not given', async () => {
    const { sent, client } = recorder('OpaqueRef:1')
    await client.VM.snapshot(vm, 'before')
    await client.VM.snapshot(vm, 'before', undefined)
    await client.VM.snapshot(vm, 'before', [])
    expect(sent.map(({ params }) => params.length)).toEqual([2, 2, 3])
  })

  test('log in without a session', async () => {
    const { sent, client } = recorder('OpaqueRef:session')
    await client.session.login_with_password('root', 'secret', '2.21', 'nixen')
    expect(sent[0]?.request.session).toBe(false)
  })

  test('pass options on to every call made through `with`', async () => {
    const { sent, client } = recorder()
    const { signal } = new AbortController()
    const limited = client.with({ signal }).with({ timeout: 50 })
    await limited.VM.hard_shutdown(vm)
    await limited.async.VM.hard_shutdown(vm).catch(() => undefined)
    await client.VM.hard_shutdown(vm)
    expect(sent.map(({ request }) => [request.signal, request.timeout])).toEqual([
      [signal, 50],
      [signal, 50],
      [undefined, undefined],
    ])
  })

  test('refuse a parameter of the wrong form before anything is sent', async () => {
    const { sent, client } = recorder()
    const wrong = 'yes' as unknown as boolean
    const error = await client.VM.start(vm, wrong, false).catch((reason: unknown) => reason)
    expect(isAppError(error, 'xapi.bad_value') && error.message).toContain('VM.start()[1]')
    expect(sent).toEqual([])
  })

  test('decode records by the class', async () => {
    const { client } = recorder({ 'OpaqueRef:1': { name_label: 'db', resident_on: 'OpaqueRef:NULL', new_thing: [1] } })
    const records = await client.VM.get_all_records()
    expect(records).toEqual(new Map([['OpaqueRef:1', { name_label: 'db', resident_on: null, new_thing: [1] }]]))
  })

  test('pass on messages that a newer host may have', async () => {
    const { sent, client } = recorder(['as it came'])
    const newer = client as unknown as Record<string, Record<string, (...params: unknown[]) => Promise<unknown>>>
    expect(await newer['Hovercraft']?.['fill']?.('eels', 3)).toEqual(['as it came'])
    expect(sent[0]).toMatchObject({ method: 'Hovercraft.fill', params: ['eels', 3], request: { session: true } })
  })

  test('can be returned from an async function', async () => {
    const { client } = recorder()
    expect(await Promise.resolve(client)).toBe(client)
    expect(await Promise.resolve(client.VM)).toBe(client.VM)
  })
})

// Never run: it is the compiler that checks this.
export async function types(): Promise<void> {
  const { client } = recorder()
  expectTypeOf(await client.VM.get_record(vm)).toEqualTypeOf<VMRecord>()
  expectTypeOf(await client.VM.clone(vm, 'x')).toEqualTypeOf<Ref<'VM'>>()
  expectTypeOf(await client.async.VM.clone(vm, 'x')).toEqualTypeOf<TaskRef<Ref<'VM'>>>()
  expectTypeOf(await client.VM.get_all_records()).toEqualTypeOf<ReadonlyMap<Ref<'VM'>, VMRecord>>()
  expectTypeOf(await client.VM.get_resident_on(vm)).toEqualTypeOf<Ref<'host'> | null>()
  expectTypeOf(client.VM.start).parameters.toEqualTypeOf<[vm: Ref<'VM'>, start_paused: boolean, force: boolean]>()
  // Fields newer than the oldest supported host may be absent.
  expectTypeOf<VMRecord['pending_guidances']>().extract<undefined>().toEqualTypeOf<undefined>()
  expectTypeOf<VMRecord['name_label']>().toEqualTypeOf<string>()

  // @ts-expect-error There is no such message.
  await client.VM.levitate(vm)
  // @ts-expect-error There is no such class.
  await client.Hovercraft.get_all()
  // @ts-expect-error A host is no VM.
  await client.VM.start(host, false, false)
  // @ts-expect-error Text is no reference.
  await client.VM.start('OpaqueRef:1', false, false)
  // @ts-expect-error A null reference can't be started.
  await client.VM.start(null, false, false)
  // @ts-expect-error A parameter is missing.
  await client.VM.start(vm, false)
  // @ts-expect-error A parameter too many.
  await client.VM.start(vm, false, false, true)
  // @ts-expect-error Reading does not run as a task.
  await client.async.VM.get_record(vm)
  // @ts-expect-error What is sent must be a value that the data model knows.
  await client.VM.set_actions_after_crash(vm, 'explode')
  // @ts-expect-error Records are read-only.
  ;(await client.VM.get_record(vm)).name_label = 'x'
  // @ts-expect-error Records have the fields of their class.
  void (await client.VM.get_record(vm)).physical_size
  // What is received may be newer than the data model.
  const state = await client.VM.get_power_state(vm)
  if (state === 'Levitating') return
  // @ts-expect-error A create without a needed member.
  await client.VBD.create({ VM: vm })
  await client.VBD.create({
    VM: vm,
    VDI: null,
    userdevice: 'autodetect',
    bootable: false,
    mode: 'RO',
    type: 'CD',
    empty: true,
    other_config: {},
    qos_algorithm_type: '',
    qos_algorithm_params: {},
  })
}
