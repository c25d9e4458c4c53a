import { isAppError } from '@nixen/core'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { errorAreas } from '../errors/catalogue.ts'
import { openApiOf } from '../openapi/openapi.ts'
import type { VmId } from '../ids/resource-id.ts'
import { operationsOf } from './contract.ts'
import { endpoint, type EndpointSpec, type InputOf, type OutputOf, type ParamsOf } from './endpoint.ts'
import { fieldsOf } from './fields.ts'
import { allEndpoints, contract } from './registry.ts'
import { buildRequest, parseRequest, type RawRequest } from './request.ts'

const base = {
  method: 'GET',
  path: '/things/:id',
  summary: 'x',
  params: z.strictObject({ id: z.string() }),
  permission: 'vm:read',
} as const

describe('a declaration that contradicts itself is refused', () => {
  test.each<[string, EndpointSpec, string]>([
    ['an unknown permission', { ...base, permission: 'vm:fly' as 'vm:read' }, 'there is no permission vm:fly'],
    ['an unknown error', { ...base, errors: ['vm.gone' as 'vm.not_found'] }, 'there is no error vm.gone'],
    ['an error twice', { ...base, errors: ['vm.not_found', 'vm.not_found'] }, 'twice'],
    ['a parameter that the path has not', { ...base, path: '/things' }, 'params has [id]'],
    ['a parameter that is not declared', { ...base, path: '/a/:id/b/:other' }, '[id,other]'],
    ['a strange path', { ...base, path: '/Things/:id' }, 'the path is not'],
    ['a name twice', { ...base, input: z.strictObject({ id: z.string() }) }, 'id is a parameter and an input'],
    [
      'an object in a query',
      { ...base, input: z.strictObject({ a: z.strictObject({}) }) },
      'a cannot be written in a query',
    ],
    ['a change that is not audited', { ...base, method: 'POST' }, 'no audit name'],
    ['a GET that is audited', { ...base, audit: 'x' }, 'not audited'],
    ['an argument that is not there', { ...base, cli: { verb: 'x', args: ['nmae'] } }, 'nmae'],
    ['a stream with an answer', { ...base, stream: {}, output: z.string() }, 'stream'],
  ])('%s', (_, spec, message) => expect(() => endpoint(spec)).toThrow(message))
})

describe('a contract that contradicts itself is refused', () => {
  const one = endpoint({ ...base, cli: { verb: 'thing get' } })
  test.each([
    [
      'one path twice, whatever the parameter is called',
      endpoint({ ...base, path: '/things/:key', params: z.strictObject({ key: z.string() }) }),
      'GET /things/:',
    ],
    ['one verb twice', endpoint({ ...base, path: '/others/:id', cli: { verb: 'thing get' } }), 'thing get'],
    [
      'a verb that begins another',
      endpoint({ ...base, path: '/others/:id', cli: { verb: 'thing' } }),
      'is the beginning of',
    ],
  ])('%s', (_, other, message) => expect(() => operationsOf({ a: { one }, b: { other } })).toThrow(message))
})

describe('a request', () => {
  const problemsIn = (spec: EndpointSpec, raw: RawRequest): unknown => {
    try {
      return parseRequest(spec, raw)
    } catch (error) {
      return isAppError(error, 'request.invalid') ? error.details['problems'] : error
    }
  }

  test('is typed by its endpoint, with defaults filled in', () => {
    const { params, input } = parseRequest(contract.vm.list, { query: new URLSearchParams('q=tag:prod') })
    expect([params, input]).toEqual([{}, { q: 'tag:prod', limit: 100 }])
    const limit: number = input.limit
    expect(limit).toBe(100)
    // @ts-expect-error there is no such field
    expect(input.lmit).toBeUndefined()
  })

  test('names each field that is unknown, missing or wrong', () => {
    expect(problemsIn(contract.vm.list, { query: new URLSearchParams('limt=5&limit=no') })).toEqual([
      { path: 'query.limit', message: 'Invalid input: expected number, received string' },
      { path: 'query.limt', message: 'There is no such field. Did you mean "limit"?' },
    ])
    expect(problemsIn(contract.user.create, { body: { name: 'ada', passwort: 'x' } })).toEqual([
      { path: 'input.password', message: 'It is missing.' },
      { path: 'input.passwort', message: 'There is no such field. Did you mean "password"?' },
    ])
    expect(
      problemsIn(contract.role.create, { body: { name: 'x', grants: [{ actions: ['vm:*'], scpoe: '' }] } }),
    ).toEqual([{ path: 'input.grants.0.scpoe', message: 'There is no such field.' }])
    expect(problemsIn(contract.session.logOut, { query: new URLSearchParams('a=1') })).toEqual([
      { path: 'query.a', message: 'There is no such field.' },
    ])
    expect(
      problemsIn(contract.user.create, { query: new URLSearchParams('a=1'), body: { name: 'ada', password: 'x' } }),
    ).toEqual([{ path: 'query.a', message: 'This endpoint takes no query.' }])
  })

  test('is refused when it is no object at all', () => {
    for (const body of [[], 'x', 1, null, undefined]) {
      expect(() => parseRequest(contract.user.create, { body })).toThrow(
        expect.objectContaining({ code: 'request.invalid' }),
      )
    }
    expect(problemsIn(contract.vm.get, { params: { id: 'host.c.1' } })).toEqual([
      { path: 'params.id', message: expect.stringMatching(/^Not the id of a vm/) },
    ])
  })

  test('takes the shape of its provider', () => {
    const { input } = parseRequest(contract.connection.add, {
      body: { kind: 'xapi', address: 'https://x', password: 'p' },
    })
    expect(input).toEqual({
      kind: 'xapi',
      address: 'https://x',
      username: 'root',
      password: 'p',
      enabled: true,
      readOnly: false,
    })
    expect(() => parseRequest(contract.connection.add, { body: { kind: 'vmware' } })).toThrow('input.kind')
    expect(() => parseRequest(contract.connection.add, { body: { kind: 'xapi', address: 'qemu:///system' } })).toThrow(
      'input.address',
    )
    expect(() =>
      parseRequest(contract.connection.add, { body: { kind: 'xapi', address: 'https://x', token: 't' } }),
    ).toThrow('input.token')
    const kind = fieldsOf(contract.connection.add.input).find(({ name }) => name === 'kind')
    expect(kind?.schema).toBeInstanceOf(z.ZodEnum)
  })

  test('that a client builds is the one that the server parses', () => {
    const id = 'vm.c.~2F1' as VmId
    const built = buildRequest(contract.vm.stats, { id, span: '2h', series: ['cpu', 'network.receive'] })
    expect([built.path, built.query.toString()]).toEqual([
      '/vms/vm.c.~2F1/stats',
      'span=2h&series=cpu&series=network.receive',
    ])
    expect(parseRequest(contract.vm.stats, { params: { id }, query: built.query }).input).toEqual({
      span: '2h',
      series: ['cpu', 'network.receive'],
    })
    const one = buildRequest(contract.vm.stats, { id, series: ['cpu'] })
    expect(parseRequest(contract.vm.stats, { params: { id }, query: one.query }).input).toEqual({
      span: '10m',
      series: ['cpu'],
    })
  })
})

describe.each(allEndpoints)('$operation', ({ group, endpoint }) => {
  test('says what it is about', () => {
    expect(endpoint.summary).toMatch(/^[A-Z].*[^.]$/)
    expect(endpoint.output ?? endpoint.stream ?? endpoint.method).toBeTruthy()
    expect(endpoint.audit?.includes('.') ?? true).toBe(true)
    expect(group).toMatch(/^[a-z]+([A-Z][a-z]+)?$/)
  })
})

test('every error has a sentence that is made of its parameters', () => {
  for (const { area, specs } of errorAreas) {
    for (const [key, spec] of Object.entries<{ text: (p: never) => string; example: unknown }>(specs)) {
      // An example is what its text takes.
      const sentence = spec.text(spec.example as never)
      expect(`${area}.${key}: ${sentence}`).not.toMatch(/undefined|NaN|\[object/)
      expect(sentence).toMatch(/^["A-Z0-9a-z/].*[.?:\])…]$/s)
    }
  }
})

test('the types of an endpoint follow from its declaration', () => {
  const params: ParamsOf<typeof contract.vm.get> = { id: 'vm.c.1' as VmId }
  const input: InputOf<typeof contract.vm.stats> = { span: '2h' }
  const power = (answer: OutputOf<typeof contract.vm.get>): string => answer.power
  // @ts-expect-error a plain string is no id
  const wrong: ParamsOf<typeof contract.vm.get> = { id: 'vm.c.1' }
  // @ts-expect-error there is no such span
  const never: InputOf<typeof contract.vm.stats> = { span: '3h' }
  expect([params, input, wrong, never, power]).toHaveLength(5)
})

describe('the OpenAPI document', () => {
  const text = JSON.stringify(openApiOf(allEndpoints, { version: '1.2.3' }))
  const document = JSON.parse(text) as {
    openapi: string
    info: { version: string }
    paths: Record<
      string,
      Record<
        string,
        { operationId: string; parameters?: { name: string; in: string; schema: unknown }[]; responses: object }
      >
    >
    components: Record<string, Record<string, unknown>>
  }

  test('has every endpoint once', () => {
    const ids = Object.values(document.paths).flatMap((methods) =>
      Object.values(methods).map(({ operationId }) => operationId),
    )
    expect(ids.toSorted()).toEqual(allEndpoints.map(({ operation }) => operation).toSorted())
    expect([document.openapi, document.info.version]).toEqual(['3.1.0', '1.2.3'])
  })

  test('has everything that it refers to', () => {
    const refs = [...text.matchAll(/"\$ref":"([^"]+)"/g)].map(([, ref = '']) => ref)
    expect(refs.length).toBeGreaterThan(200)
    for (const ref of new Set(refs)) {
      const [, part, kind, name] = /^#\/(components)\/([a-z]+)\/([A-Za-z]+)$/i.exec(ref) ?? []
      expect([ref, part, document.components[kind ?? '']?.[name ?? ''] !== undefined]).toEqual([
        ref,
        'components',
        true,
      ])
    }
    expect(text).not.toContain('$defs')
  })

  test('declares each parameter of a path, and an answer for each operation', () => {
    for (const [path, methods] of Object.entries(document.paths)) {
      const inPath = [...path.matchAll(/\{([^}]+)\}/g)].map(([, name]) => name)
      for (const { parameters = [], responses } of Object.values(methods)) {
        expect(parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name)).toEqual(inPath)
        expect(parameters.every(({ schema }) => typeof schema === 'object')).toBe(true)
        expect(Object.keys(responses)).toContain('default')
      }
    }
  })

  test('never shows what a secret is worth', () => {
    expect(text).toContain('"writeOnly":true')
    expect(JSON.stringify(document.components['schemas']?.['Connection'])).not.toContain('password')
  })
})
