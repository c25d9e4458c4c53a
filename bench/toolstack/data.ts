import { execFile, fork } from 'node:child_process'
import { randomFillSync } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import * as http from 'node:http'
import * as https from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { figure, type Figure } from '../figure.ts'

const suite = 'toolstack'
const MiB = 2 ** 20
const size = 1024 * MiB
const run = promisify(execFile)

/** How fast the content of a full disk of 1 GiB goes in and out, the files in the page cache. */
export async function dataFigures(): Promise<Figure[]> {
  return [...(await measure('http')), ...(await measure('https'))]
}

async function measure(scheme: 'http' | 'https'): Promise<Figure[]> {
  const directory = await mkdtemp(join(tmpdir(), 'nixen-bench-'))
  const server = fork(fileURLToPath(new URL('data-server.ts', import.meta.url)), [scheme, directory])
  try {
    // What the script sends.
    const [url] = (await once(server, 'message')) as [string]
    const client = await Client.logIn(url)
    const vdi = await client.newDisk()
    const label = scheme.toUpperCase()
    const upload = await client.upload(vdi)
    const figures = [figure(suite, `VDI raw import, ${label}`, 'MB/s', size / 1e6 / upload)]
    // The first reading warms up.
    await client.download(vdi)
    figures.push(figure(suite, `VDI raw export, ${label}`, 'MB/s', size / 1e6 / (await client.download(vdi))))
    if (scheme === 'https') figures.push(...(await nbdFigures(client, { vdi, directory })))
    return figures
  } finally {
    server.send('stop')
    await once(server, 'exit')
    await rm(directory, { recursive: true })
  }
}

/** `nbdcopy` with four connections over TLS, to nowhere; also without TLS, to see what TLS takes. */
async function nbdFigures(client: Client, { vdi, directory }: { vdi: string; directory: string }): Promise<Figure[]> {
  const network = await client.managementNetwork()
  const figures: Figure[] = []
  for (const [purpose, label] of [
    ['nbd', 'TLS'],
    ['insecure_nbd', 'plain'],
  ] as const) {
    await client.call('network.add_purpose', network, purpose)
    const [info] = (await client.call('VDI.get_nbd_info', vdi)) as NbdInfo[]
    if (!info) throw new Error('NBD is not offered')
    await writeFile(join(directory, 'ca-cert.pem'), info.cert)
    const query = label === 'TLS' ? `?tls-certificates=${directory}` : ''
    const name = encodeURIComponent(info.exportname)
    const address = `${label === 'TLS' ? 'nbds' : 'nbd'}://${info.address}:${info.port}/${name}${query}`
    const started = performance.now()
    await run('nbdcopy', ['--connections=4', address, 'null:'])
    figures.push(
      figure(suite, `NBD to nbdcopy, 4 connections, ${label}`, 'MB/s', size / 1e3 / (performance.now() - started)),
    )
    await client.call('network.remove_purpose', network, purpose)
  }
  return figures
}

interface NbdInfo {
  readonly exportname: string
  readonly address: string
  readonly port: number
  readonly cert: string
}

class Client {
  readonly #url: string
  #session = ''

  private constructor(url: string) {
    this.#url = url
  }

  static async logIn(url: string): Promise<Client> {
    const client = new Client(url)
    client.#session = (await client.#rpc('session.login_with_password', ['root', 'nixen'])) as string
    return client
  }

  async call(method: string, ...params: readonly unknown[]): Promise<unknown> {
    return await this.#rpc(method, [this.#session, ...params])
  }

  async newDisk(): Promise<string> {
    const srs = (await this.call('SR.get_all_records')) as Record<string, { type: string }>
    const SR = Object.entries(srs).find(([, { type }]) => type === 'ext')?.[0]
    const fields = { name_label: 'bench', name_description: '', type: 'user', sharable: false, read_only: false }
    return (await this.call('VDI.create', { ...fields, SR, virtual_size: size, other_config: {} })) as string
  }

  async managementNetwork(): Promise<string> {
    const pifs = (await this.call('PIF.get_all_records')) as Record<string, { IP: string; network: string }>
    return Object.values(pifs).find(({ IP }) => IP !== '')?.network ?? ''
  }

  /** Fills the disk with bytes that are not zeros; seconds. */
  async upload(vdi: string): Promise<number> {
    const part = randomFillSync(Buffer.alloc(MiB))
    const started = performance.now()
    const sent = this.#request('PUT', `/import_raw_vdi?vdi=${vdi}&session_id=${this.#session}`, size)
    const answered = once(sent, 'response') as Promise<[http.IncomingMessage]>
    for (let at = 0; at < size; at += MiB) if (!sent.write(part)) await once(sent, 'drain')
    sent.end()
    const [response] = await answered
    for await (const _ of response);
    return (performance.now() - started) / 1000
  }

  /** Seconds to the last byte. */
  async download(vdi: string): Promise<number> {
    const started = performance.now()
    const sent = this.#request('GET', `/export_raw_vdi?vdi=${vdi}&format=raw&session_id=${this.#session}`)
    sent.end()
    const [response] = (await once(sent, 'response')) as [http.IncomingMessage]
    let received = 0
    for await (const part of response as AsyncIterable<Buffer>) received += part.length
    if (received !== size) throw new Error(`Only ${received} bytes came`)
    return (performance.now() - started) / 1000
  }

  #request(method: string, path: string, length?: number): http.ClientRequest {
    const options = { method, agent: false, ...(length === undefined ? {} : { headers: { 'content-length': length } }) }
    const url = new URL(path, this.#url)
    return url.protocol === 'https:'
      ? https.request(url, { ...options, rejectUnauthorized: false })
      : http.request(url, options)
  }

  async #rpc(method: string, params: readonly unknown[]): Promise<unknown> {
    const sent = this.#request('POST', '/jsonrpc')
    sent.end(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }))
    const [response] = (await once(sent, 'response')) as [http.IncomingMessage]
    const answer = (await json(response)) as { result?: unknown; error?: unknown }
    if (answer.error !== undefined) throw new Error(JSON.stringify(answer.error))
    return answer.result
  }
}
