import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Toolstack } from '../src/index.ts'
import { find, logIn, quickToolstack, type TestClient } from './client.ts'

let toolstack: Toolstack
let client: TestClient

beforeAll(async () => {
  toolstack = await quickToolstack({ vms: 5 })
  client = await logIn(toolstack.url)
})
afterAll(() => toolstack[Symbol.asyncDispose]())

async function post(path: string, body: string | Uint8Array, headers: Record<string, string> = {}): Promise<Response> {
  return await fetch(toolstack.url + path, { method: 'POST', body: body as string, headers })
}

const xmlCall = (method: string, ...values: string[]): string =>
  `<?xml version="1.0"?><methodCall><methodName>${method}</methodName><params>${values
    .map((value) => `<param><value>${value}</value></param>`)
    .join('')}</params></methodCall>`

describe('JSON-RPC', () => {
  test('answers version 2.0 with exactly the content type clients compare with', async () => {
    const response = await post(
      '/jsonrpc',
      JSON.stringify({ jsonrpc: '2.0', id: 'a', method: 'VM.get_all', params: [client.session] }),
    )
    expect(response.headers.get('content-type')).toBe('application/json')
    expect(response.headers.get('access-control-allow-origin')).toBe('*')
    expect(await response.json()).toMatchObject({ jsonrpc: '2.0', id: 'a', result: expect.any(Array) })
  })

  test('answers version 1.0 with a code and parameters as error', async () => {
    const response = await post(
      '/jsonrpc',
      JSON.stringify({ id: 3, method: 'VM.get_uuid', params: [client.session, 'x'] }),
    )
    expect(await response.json()).toEqual({ result: null, error: ['HANDLE_INVALID', 'VM', 'x'], id: 3 })
  })

  test.each([
    ['nothing', ''],
    ['no JSON', '{"jsonrpc"'],
    ['an array', '[]'],
    ['null', 'null'],
    ['no method', '{"jsonrpc":"2.0","id":1}'],
    ['no id', '{"jsonrpc":"2.0","method":"VM.get_all","params":[]}'],
    ['an id that is an object', '{"jsonrpc":"2.0","id":{},"method":"VM.get_all"}'],
    ['parameters that are a string', '{"jsonrpc":"2.0","id":1,"method":"VM.get_all","params":"x"}'],
    ['bytes that are not UTF-8', Buffer.from([0x7b, 0xff, 0xfe, 0x7d])],
    ['deep nesting', '['.repeat(100_000)],
  ])('answers 500 to %s', async (_name, body) => {
    const response = await post('/jsonrpc', body)
    expect(response.status).toBe(500)
    await response.text()
  })

  test('keeps all digits of an integer of 64 bits', async () => {
    const id = '9223372036854775807'
    const call = (method: string, ...params: string[]): string =>
      `{"jsonrpc":"2.0","id":${id},"method":"${method}","params":[${params.join(',')}]}`
    const session = JSON.stringify(client.session)
    expect(await (await post('/jsonrpc', call('VM.get_all', session))).text()).toMatch(`"id":${id}`)
    const [vm] = await find(client, 'VM', (record) => record['power_state'] === 'Halted' && !record['is_a_template'])
    const set = async (field: string): Promise<unknown> => {
      const response = await post('/jsonrpc', call(`VM.set_${field}`, session, JSON.stringify(vm), id))
      return await response.text()
    }
    expect(await set('HVM_shadow_multiplier'), 'a float takes it').toMatch('"result":')
    expect(await set('memory_static_max'), 'a size is refused, not rounded').toMatch('"error":')
  })

  test('refuses a parameter that is not UTF-8', async () => {
    const text = JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'VM.get_by_name_label',
      params: [client.session, 'a?'],
    })
    const body = Buffer.from(text)
    body[text.indexOf('a?') + 1] = 0xff
    const { error } = (await (await post('/jsonrpc', body)).json()) as { error: { message: string; data: string[] } }
    expect([error.message, ...error.data]).toEqual(['INVALID_VALUE', 'Invalid UTF-8 string in parameter', 'a\ufffd'])
  })

  test('has a limit for the body, 300 KiB', async () => {
    const name = 'x'.repeat(1024 * 1024)
    const response = await post(
      '/jsonrpc',
      JSON.stringify({ jsonrpc: '2.0', id: 1, method: name, params: [client.session] }),
    )
    expect(response.status).toBe(413)
    await response.text()
    expect(await client.refusal('y'.repeat(250_000))).toEqual(['MESSAGE_METHOD_UNKNOWN', 'y'.repeat(250_000)])
  })

  test('survives a client that hangs up in the middle of a body', async () => {
    const { hostname, port } = new URL(toolstack.url)
    await new Promise<void>((resolve) => {
      const half = request({
        host: hostname,
        port,
        method: 'POST',
        path: '/jsonrpc',
        headers: { 'content-length': '1000' },
      })
      half.on('error', () => resolve())
      half.write('{"half":')
      setTimeout(() => half.destroy(new Error('gone')), 50)
    })
    expect(await client.call('pool.get_all')).toHaveLength(1)
  })
})

describe('XML-RPC', () => {
  test.each(['/', '/RPC2', '/json', '/xmlrpc', '/anything/else'])('is answered at %s', async (path) => {
    const response = await post(path, xmlCall('VM.get_by_name_label', client.session, 'Debian Bookworm 12'))
    expect(response.headers.get('content-type')).toBe('text/xml')
    expect(await response.text()).toMatch(/Success.*OpaqueRef:/s)
  })

  test('words integers, dates, booleans and maps as hosts do', async () => {
    const [ref] = await find(client, 'VM', (vm) => vm.is_default_template)
    const text = await (await post('/', xmlCall('VM.get_record', client.session, ref))).text()
    expect(text).toMatch(/<name>VCPUs_max<\/name><value>\d+<\/value>/)
    expect(text).toMatch(/<name>snapshot_time<\/name><value><dateTime.iso8601>19700101T00:00:00Z</)
    expect(text).toMatch(/<name>is_a_template<\/name><value><boolean>1<\/boolean>/)
    expect(text).toContain('<name>HVM_shadow_multiplier</name><value><double>1</double></value>')
  })

  test('answers errors with status 200 as a struct', async () => {
    const response = await post('/', xmlCall('VM.get_uuid', 'OpaqueRef:bad', 'x'))
    expect(response.status).toBe(200)
    expect(await response.text()).toContain('<value>SESSION_INVALID</value><value>OpaqueRef:bad</value>')
  })

  test('lists methods as a bare array', async () => {
    const text = await (await post('/', xmlCall('system.listMethods'))).text()
    expect(text).toMatch(/<param><value><array><data><value>session\./)
  })

  test('drops what XML can not hold', async () => {
    const [ref] = await find(client, 'VM', (vm) => vm.is_default_template)
    await client.call('VM.set_user_version', ref, 7)
    const label = 'a\u0001b\ud800c <&> "\''
    const [vm] = await find(client, 'VM', (each) => !each.is_a_template && !each.is_control_domain)
    await client.call('VM.set_name_label', vm, label)
    const text = await (await post('/', xmlCall('VM.get_name_label', client.session, vm))).text()
    expect(text).toContain('<value>abc &lt;&amp;&gt; &quot;&apos;</value>')
    expect(await client.call('VM.get_name_label', vm)).toBe(label)
  })

  test.each([
    ['nothing', ''],
    ['no XML', 'hello'],
    ['another element', '<a/>'],
    ['deep nesting', `<methodCall><methodName>x</methodName><params><param>${'<value><array><data>'.repeat(10_000)}`],
    ['an unfinished call', '<methodCall><methodName>x'],
    ['entities of its own', '<!DOCTYPE a [<!ENTITY b "c">]><methodCall><methodName>&b;</methodName></methodCall>'],
  ])('answers 500 to %s', async (_name, body) => {
    const response = await post('/', body)
    expect(response.status).toBe(500)
    await response.text()
  })
})

describe('calls', () => {
  test.each([
    ['an unknown method without a session', 'Nope.nope', [], ['MESSAGE_METHOD_UNKNOWN', 'Nope.nope']],
    ['an unknown method with a bad session', 'Nope.nope', ['bad'], ['SESSION_INVALID', 'bad']],
    ['no session at all', 'VM.get_all', [], ['MESSAGE_PARAMETER_COUNT_MISMATCH', 'VM.get_all', '0', '-1']],
  ])('refuses %s', async (_name, method, params, expected) => {
    const response = await post('/jsonrpc', JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }))
    const { error } = (await response.json()) as { error: { code: number; message: string; data: string[] } }
    expect(error.code).toBe(1)
    expect([error.message, ...error.data]).toEqual(expected)
  })

  test.each([
    ['too few parameters', 'VM.start', [], ['MESSAGE_PARAMETER_COUNT_MISMATCH', 'VM.start', '3', '0']],
    ['too many when none is optional', 'VM.get_all', [1], ['MESSAGE_PARAMETER_COUNT_MISMATCH', 'VM.get_all', '0', '1']],
    ['an unknown reference', 'VM.get_record', ['OpaqueRef:x'], ['HANDLE_INVALID', 'VM', 'OpaqueRef:x']],
    ['an unknown UUID', 'VM.get_by_uuid', ['x'], ['UUID_INVALID', 'VM', 'x']],
    [
      'a value outside its enum',
      'VM.set_actions_after_shutdown',
      ['x', 'explode'],
      ['INVALID_VALUE', 'on_normal_exit', 'explode'],
    ],
    ['a bad filter', 'VM.get_all_records_where', ['field ='], ['INVALID_VALUE', 'expr', 'field =']],
    [
      'async for a getter',
      'Async.VM.get_all',
      [],
      ['Fault', 'No async mode for this operation (rpc: Async.VM.get_all)'],
    ],
    [
      'what only pools may call',
      'pool.audit_log_append',
      ['x'],
      ['PERMISSION_DENIED', 'Internal API call attempted with not-permitted session'],
    ],
    ['what is not implemented', 'host.shutdown_agent', [], ['NOT_IMPLEMENTED', 'host.shutdown_agent']],
    ['what was removed', 'VM.snapshot_with_quiesce', ['x', 'y'], ['MESSAGE_REMOVED']],
  ])('refuses %s', async (_name, method, params, expected) => {
    expect(await client.refusal(method, ...params)).toEqual(expected)
  })

  test.each([
    ['a number for a string', 'VM.get_by_uuid', [5]],
    ['a string for a boolean', 'VM.start', ['x', 'true', 'false']],
    ['an object for a set', 'event.from', [{}, '', 1]],
    ['an array for a map', 'VM.set_other_config', ['x', []]],
    ['text for an integer', 'VM.set_VCPUs_max', ['x', 'many']],
    ['an integer beyond what is exact', 'VM.set_VCPUs_max', ['x', 2 ** 60]],
    ['a struct without a needed member', 'VDI.create', [{}]],
    ['null for a reference', 'VM.get_record', [null]],
  ])('answers INTERNAL_ERROR to %s', async (_name, method, params) => {
    expect((await client.refusal(method, ...params))[0]).toBe('INTERNAL_ERROR')
  })

  test('takes a name with an underscore, and extra parameters behind optional ones', async () => {
    expect(await client.call('VM_get_by_name_label', 'nobody')).toEqual([])
    const [vm] = await find(client, 'VM', (each) => each.power_state === 'Halted' && !each.is_a_template)
    expect(await client.call('VM.snapshot', vm, 'one', [], 'extra', 'more')).toMatch(/^OpaqueRef:/)
  })

  test('keeps keys such as __proto__ as keys', async () => {
    const [vm] = await find(client, 'VM', (each) => !each.is_a_template)
    await client.call('VM.add_to_other_config', vm, '__proto__', 'x')
    await client.call('VM.add_to_other_config', vm, 'constructor', 'y')
    expect(Object.entries(await client.call('VM.get_other_config', vm))).toEqual(
      expect.arrayContaining([
        ['__proto__', 'x'],
        ['constructor', 'y'],
      ]),
    )
    expect(await client.refusal('VM.add_to_other_config', vm, 'constructor', 'z')).toEqual([
      'MAP_DUPLICATE_KEY',
      'VM',
      'other_config',
      vm,
      'constructor',
    ])
    await client.call('VM.remove_from_other_config', vm, 'constructor')
    await client.call('VM.remove_from_other_config', vm, 'never there')
  })

  test('finds records by expression', async () => {
    const found = await client.call(
      'VM.get_all_records_where',
      'field "is_default_template"="true" and not (field "HVM__boot_policy"="") and field "name__label"="Windows 11"',
    )
    expect(Object.values(found)).toMatchObject([{ name_label: 'Windows 11' }])
  })

  test('lets browsers ask first', async () => {
    const response = await fetch(`${toolstack.url}/jsonrpc`, { method: 'OPTIONS' })
    expect(response.headers.get('access-control-allow-headers')).toContain('X-Requested-With')
  })
})
