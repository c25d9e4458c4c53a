import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Probe } from './probe.ts'

/** `nixen serve` of the release bundle, in a process of its own. */
export class Release implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly url: string
  /** Seconds from the start of the process to its first answer. */
  readonly started: number
  readonly #headers: Record<string, string> = {}

  private constructor(child: ChildProcess, { url, started }: { url: string; started: number }) {
    this.#child = child
    this.url = url
    this.started = started
  }

  /** Starts it on a state directory. With a probe it answers {@link probe}, and takes a little longer. */
  static async start(folder: string, { state, probe }: { state: string; probe: boolean }): Promise<Release> {
    const begun = performance.now()
    const inside = probe ? ['--expose-gc', '--import', fileURLToPath(new URL('probe.ts', import.meta.url))] : []
    const settings = ['server.listen=127.0.0.1', 'server.port=0', 'tls.mode=off', 'log.level=warn']
    const flags = settings.flatMap((setting) => ['--set', setting])
    const child = spawn(
      process.execPath,
      [...inside, `${folder}/nixen.mjs`, 'serve', '--state', state, '--json', ...flags],
      { stdio: ['ignore', 'pipe', 'inherit', ...(probe ? (['ipc'] as const) : [])] },
    )
    const { url, setUpToken } = await greeting(child)
    const answer = await fetch(`${url}healthz`)
    await answer.arrayBuffer()
    const release = new Release(child, { url, started: (performance.now() - begun) / 1000 })
    if (setUpToken !== undefined) await release.#setUp(setUpToken)
    return release
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  get headers(): Readonly<Record<string, string>> {
    return this.#headers
  }

  async probe(question: 'cpu' | 'memory'): Promise<Probe> {
    const answered = once(this.#child, 'message') as Promise<[Probe]>
    this.#child.send(question)
    return (await answered)[0]
  }

  /** CPU seconds of the server while `work` goes on. */
  async cpuOf(work: () => Promise<unknown>): Promise<number> {
    const { cpu: before } = await this.probe('cpu')
    await work()
    return (await this.probe('cpu')).cpu - before
  }

  async call(method: string, path: string, body?: object): Promise<unknown> {
    const headers = { ...this.#headers, ...(body ? { 'content-type': 'application/json' } : {}) }
    const init = { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) }
    const response = await fetch(`${this.url}api/v1${path}`, init)
    if (!response.ok) throw new Error(`${method} ${path}: ${await response.text()}`)
    const [cookie] = response.headers.getSetCookie()
    if (cookie !== undefined) this.#headers['cookie'] = cookie.split(';')[0] ?? ''
    return response.status === 204 ? undefined : await response.json()
  }

  async #setUp(token: string): Promise<void> {
    const me = await this.call('POST', '/setup', { token, name: 'ada', password: 'correct horse battery' })
    this.#headers['x-csrf-token'] = (me as { csrf: string }).csrf
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGTERM')
    await ended
  }
}

interface Greeting {
  readonly url: string
  readonly setUpToken?: string
}

async function greeting(child: ChildProcess): Promise<Greeting> {
  let text = ''
  if (!child.stdout) throw new TypeError('the server has no output')
  for await (const line of createInterface({ input: child.stdout })) {
    text += line
    try {
      return JSON.parse(text) as Greeting
    } catch {
      // It goes on in the next line.
    }
  }
  throw new Error(`The server ended without a word: ${text}`)
}
