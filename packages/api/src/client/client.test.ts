import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { isAppError, type Clock } from '@nixen/core'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { errorBody } from '../errors/body.ts'
import { vmErrors } from '../vm/errors.ts'
import { createClient, type Client } from './client.ts'
import { readEvents } from './sse.ts'

type Handler = (request: IncomingMessage, response: ServerResponse) => void
let handler: Handler = (_, response) => response.end()
const server = createServer((request, response) => handler(request, response))
let baseUrl = ''
const sleeps: number[] = []
const clock: Clock = {
  now: () => 0,
  monotonic: () => 0,
  sleep: async (ms, { signal } = {}) => {
    signal?.throwIfAborted()
    sleeps.push(ms)
    await pause(1)
  },
}
let client: Client

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  baseUrl = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}/base/`
  client = createClient({ baseUrl, token: 'secret', headers: () => ({ 'x-csrf-token': 't' }), clock })
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

/** The error of a call that has to fail. */
async function failure(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => 'no error',
    (error: unknown) => error,
  )
}

describe('a call', () => {
  test('is sent as its endpoint says and gives the answer', async () => {
    const seen: unknown[] = []
    handler = (request, response) => {
      seen.push([request.method, request.url, request.headers.authorization, request.headers['x-csrf-token']])
      answer(response, 200, { items: [], total: 0 })
    }
    expect(await client.vm.list({ q: 'tag:a b', limit: 5 })).toEqual({ items: [], total: 0 })
    await client.meta.about()
    expect(seen).toEqual([
      ['GET', '/base/api/v1/vms?q=tag%3Aa+b&limit=5', 'Bearer secret', 't'],
      ['GET', '/base/api/v1', 'Bearer secret', 't'],
    ])
  })

  test('sends a body where the method has one, and takes no answer as undefined', async () => {
    let body = ''
    handler = (request, response) => {
      request.on('data', (part: Buffer) => (body += part.toString()))
      request.on('end', () => response.writeHead(204).end())
    }
    expect(await client.session.changePassword({ current: 'a', password: 'b' })).toBeUndefined()
    expect(JSON.parse(body)).toEqual({ current: 'a', password: 'b' })
  })

  test('throws the error of the server with its code, details and status', async () => {
    const sent = errorBody(vmErrors.not_found({ id: 'vm.c.1' }), 'r1')
    handler = (_, response) => answer(response, sent.status, sent.body)
    const error = await failure(client.vm.get({ id: 'vm.c.1' }))
    expect(isAppError(error, 'vm.not_found')).toBe(true)
    expect(error).toMatchObject({ status: 404, retryable: false, details: { id: 'vm.c.1', requestId: 'r1' } })
  })

  test.each<[string, Handler, string]>([
    [
      'a web page',
      (_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<p>'),
      'client.not_nixen',
    ],
    [
      'an error page of a proxy',
      (_, response) => response.writeHead(502, { 'content-type': 'text/html' }).end('<p>'),
      'client.not_nixen',
    ],
    ['an error of another program', (_, response) => answer(response, 404, { message: 'no' }), 'client.not_nixen'],
    [
      'half an answer',
      (_, response) =>
        void response
          .writeHead(200, { 'content-type': 'application/json', 'content-length': '99' })
          .write('{"a', () => response.destroy()),
      'client.unreachable',
    ],
    ['nothing', (_, response) => void response.destroy(), 'client.unreachable'],
  ])('to %s says so', async (_, handle, code) => {
    handler = handle
    expect(await failure(client.vm.list())).toMatchObject({ code })
  })

  test('to a port where nobody listens says so, and an abort is its reason', async () => {
    const nobody = createClient({ baseUrl: 'http://127.0.0.1:1' })
    expect(await failure(nobody.vm.list())).toMatchObject({ code: 'client.unreachable', retryable: true })
    const signal = AbortSignal.abort(new Error('stopped'))
    expect(await failure(client.vm.list({}, { signal }))).toMatchObject({ message: 'stopped' })
  })

  test('is typed', () => {
    const calls = (client: Client) => [
      client.vm.list(),
      // @ts-expect-error an id is missing
      client.vm.get(),
      // @ts-expect-error there is no such field
      client.vm.list({ qq: '' }),
      // @ts-expect-error there is no such endpoint
      client.vm.lst(),
    ]
    expect(calls).toBeTypeOf('function')
  })
})

describe('a stream', () => {
  const event = (seq: number): string =>
    `id: v.${seq}\nevent: deltas\ndata: [{"seq":${seq},"type":"vm","id":"vm.c.1"}]\n\n`

  test('goes on after a break with the id of its last event', async () => {
    const asked: unknown[] = []
    let seq = 0
    handler = (request, response) => {
      asked.push([request.url, request.headers['last-event-id']])
      if (asked.length === 2) return void response.destroy()
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(`: hello\n\n${event(++seq)}${event(++seq)}data: [{"half`, () => response.destroy())
    }
    sleeps.length = 0
    const seen: unknown[] = []
    for await (const { event, id, data } of client.inventory.events({ since: 'v.0' })) {
      seen.push([event, id, Array.isArray(data) ? data.length : 0])
      if (seen.length === 4) break
    }
    expect(seen).toEqual([1, 2, 3, 4].map((seq) => ['deltas', `v.${seq}`, 1]))
    expect(asked).toEqual([undefined, 'v.2', 'v.2'].map((last) => ['/base/api/v1/inventory/events?since=v.0', last]))
    expect(sleeps.every((ms) => ms >= 250 && ms <= 1000)).toBe(true)
  })

  test('ends with what waiting does not mend, and with an abort', async () => {
    handler = (_, response) => answer(response, 401, errorBody(vmErrors.not_found({ id: 'x' }), 'r').body)
    const first = (iterable: AsyncIterable<unknown>) => failure(iterable[Symbol.asyncIterator]().next())
    expect(await first(client.inventory.events())).toMatchObject({ code: 'vm.not_found' })
    handler = (_, response) => response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
    const signal = AbortSignal.timeout(30)
    expect(await first(client.inventory.events({}, { signal }))).toBe(signal.reason)
  })
})

test('events are read the same however their bytes are cut', async () => {
  const text = ': c\r\nevent: a\ndata: ä\rdata:b\r\n\r\n\n\nid: 7\n\nretry: 5\ndata\n\ndata: c\nid: 8\n\ndata: left out'
  const expected = [
    { event: 'a', data: 'ä\nb', id: undefined },
    { event: 'message', data: '', id: '7' },
    { event: 'message', data: 'c', id: '8' },
  ]
  const bytes = new TextEncoder().encode(text)
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(bytes.length), { maxLength: 10 }), async (cuts) => {
      const at = [0, ...cuts.toSorted((a, b) => a - b), bytes.length]
      async function* parts() {
        for (let i = 1; i < at.length; i++) yield bytes.slice(at[i - 1], at[i])
      }
      expect(await Array.fromAsync(readEvents(parts()))).toEqual(expected)
    }),
  )
})
