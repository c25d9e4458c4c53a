import { fork } from 'node:child_process'
import { once } from 'node:events'
import { Agent, request, type IncomingMessage } from 'node:http'
import { json } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { figure, type Figure } from '../figure.ts'
import { dataFigures } from './data.ts'

const suite = 'toolstack'
const vms = 10_000

interface Server {
  readonly url: string
  readonly seconds: number
  readonly memory: number
}

/** How fast the toolstack is up with 10,000 machines, answers all their records, delivers events, and moves the content of disks. */
export async function run(): Promise<Figure[]> {
  return [...(await inventoryFigures()), ...(await dataFigures())]
}

async function inventoryFigures(): Promise<Figure[]> {
  const server = fork(fileURLToPath(new URL('server.ts', import.meta.url)), [String(vms)])
  try {
    // What the script sends.
    const [{ url, seconds, memory }] = (await once(server, 'message')) as [Server]
    const rpc = `${url}/jsonrpc`
    const session = (await call(rpc, 'session.login_with_password', ['root', 'nixen'])) as string
    return [
      figure(suite, `start with ${vms} VMs`, 's', seconds),
      figure(suite, `memory with ${vms} VMs`, 'MiB', memory / 2 ** 20),
      figure(suite, 'VM.get_all_records, first', 's', await timeRecords(rpc, session)),
      figure(suite, 'VM.get_all_records, again', 's', await timeRecords(rpc, session)),
      ...(await eventFigures(rpc, session)),
    ]
  } finally {
    server.send('stop')
    await once(server, 'exit')
  }
}

const agent = new Agent({ keepAlive: true, maxSockets: 16 })

async function call(url: string, method: string, params: readonly unknown[]): Promise<unknown> {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request(url, { method: 'POST', agent }, resolve).on('error', reject).end(body)
  })
  const answer = (await json(response)) as { result: unknown }
  return answer.result
}

/** Seconds until the last byte, without parsing. */
async function timeRecords(url: string, session: string): Promise<number> {
  const started = performance.now()
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'VM.get_all_records', params: [session] })
  const response = await fetch(url, { method: 'POST', body })
  let length = 0
  for await (const part of response.body ?? []) length += (part as Uint8Array).length
  if (length < vms * 1000) throw new Error(`Only ${length} bytes of records`)
  return (performance.now() - started) / 1000
}

/** 1,000 changes a second for five seconds, to five subscribers in a process of their own. */
async function eventFigures(url: string, session: string): Promise<Figure[]> {
  const [vm = ''] = (await call(url, 'VM.get_all', [session])) as string[]
  const reader = fork(fileURLToPath(new URL('subscribers.ts', import.meta.url)), [url, session, vm])
  await once(reader, 'message')
  const done = once(reader, 'message') as Promise<[{ p99: number; delivered: number }]>
  const started = performance.now()
  const pending: Promise<unknown>[] = []
  for (let sent = 0; sent < 5000;) {
    const due = Math.min(5000, performance.now() - started)
    for (; sent < due; sent++)
      pending.push(call(url, 'VM.set_name_description', [session, vm, `${sent} ${Date.now()}`]))
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  await Promise.all(pending)
  const seconds = (performance.now() - started) / 1000
  await call(url, 'VM.set_name_description', [session, vm, 'end'])
  const [{ p99, delivered }] = await done
  return [
    figure(suite, 'changes taken', '/s', 5000 / seconds),
    figure(suite, 'event delivery to 5 subscribers, p99', 'ms', p99),
    figure(suite, 'event batches delivered', '', delivered),
  ]
}
