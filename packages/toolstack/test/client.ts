import { startToolstack, type Toolstack, type ToolstackOptions } from '../src/index.ts'

/** An error as a host sends it. */
export class Refused extends Error {
  readonly answer: readonly string[]

  constructor(answer: readonly string[]) {
    super(answer.join(' '))
    this.answer = answer
  }
}

type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }

/** Records as tests look at them: members by name, without types. */
// Tests say what they expect of each value.
// oxlint-disable-next-line typescript/no-explicit-any
export type Loose = any

/** Sends one JSON-RPC call and gives back its result. */
export async function rpc(
  url: string,
  method: string,
  params: readonly unknown[],
  signal?: AbortSignal,
): Promise<Loose> {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })
  const response = await fetch(`${url}/jsonrpc`, { method: 'POST', body, ...(signal ? { signal } : {}) })
  const answer = (await response.json()) as { result?: Json; error?: { message: string; data: string[] } }
  if (answer.error) throw new Refused([answer.error.message, ...answer.error.data])
  return answer.result
}

/** A client of one pool that is logged in. */
export interface TestClient {
  readonly url: string
  readonly session: string
  call(method: string, ...params: readonly unknown[]): Promise<Loose>
  /** Code and parameters of the error of a call that must fail. */
  refusal(method: string, ...params: readonly unknown[]): Promise<readonly string[]>
  /** Runs a call as a task and gives back the task when it has ended. */
  task(method: string, ...params: readonly unknown[]): Promise<Loose>
}

export async function logIn(url: string, user = 'root', password = 'nixen'): Promise<TestClient> {
  const session: string = await rpc(url, 'session.login_with_password', [user, password, '1.0', 'test'])
  const call = (method: string, ...params: readonly unknown[]): Promise<Loose> => rpc(url, method, [session, ...params])
  return {
    url,
    session,
    call,
    async refusal(method, ...params) {
      try {
        await call(method, ...params)
      } catch (error) {
        if (error instanceof Refused) return error.answer
        throw error
      }
      throw new Error(`${method} did not fail`)
    },
    async task(method, ...params) {
      const ref: string = await call(`Async.${method}`, ...params)
      for (let token = ''; ;) {
        const batch = await call('event.from', [`task/${ref}`], token, 10)
        const { snapshot } = batch.events.at(-1) ?? {}
        if (snapshot && snapshot.status !== 'pending') return snapshot
        token = batch.token
      }
    },
  }
}

/** A toolstack that answers at once, over plain HTTP, in memory. */
export function quickToolstack(options: ToolstackOptions = {}): Promise<Toolstack> {
  return startToolstack({ tls: false, waits: false, loginDelay: false, conflictWait: 300, seed: 7, ...options })
}

/** The first object of a class for which `wanted` holds: its reference and record. */
export async function find(
  client: TestClient,
  cls: string,
  wanted: (record: Loose) => boolean = () => true,
): Promise<readonly [ref: string, record: Loose]> {
  const all: Record<string, Loose> = await client.call(`${cls}.get_all_records`)
  const found = Object.entries(all).find(([, record]) => wanted(record))
  if (!found) throw new Error(`No such ${cls}`)
  return found
}
