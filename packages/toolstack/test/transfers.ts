import { createWriteStream } from 'node:fs'
import { request, type IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Loose, TestClient } from './client.ts'

export interface PutOptions {
  readonly length?: number
  readonly query: Readonly<Record<string, string>>
}

/** Uploads as the npm client does, and gives back the task when it has ended. */
export async function put(
  client: TestClient,
  path: string,
  body: Readable,
  { length, query }: PutOptions,
): Promise<Loose> {
  const task: string = await client.call('task.create', 'upload', '')
  const url = new URL(path, client.url)
  for (const [key, value] of Object.entries({ ...query, session_id: client.session, task_id: task })) {
    url.searchParams.set(key, value)
  }
  const sent = request(url, { method: 'PUT', headers: { 'content-length': length ?? 2 ** 50 }, agent: false })
  sent.on('error', () => undefined)
  const answer = new Promise<IncomingMessage>((resolve, reject) => {
    sent.once('response', resolve)
    sent.once('error', reject)
  })
  // A host that has seen enough hangs up.
  await pipeline(body, sent, { end: length !== undefined }).catch(() => undefined)
  const response = await answer
  response.resume()
  if (length === undefined) sent.destroy()
  const status = (): Promise<string> => client.call('task.get_status', task)
  for (let tries = 0; (await status()) === 'pending' && tries < 2000; tries++)
    await new Promise((go) => setTimeout(go, 10))
  return { ...(await client.call('task.get_record', task)), httpStatus: response.statusCode }
}

export async function get(
  client: TestClient,
  path: string,
  query: Readonly<Record<string, string>>,
  file: string,
): Promise<Response> {
  const url = new URL(path, client.url)
  for (const [key, value] of Object.entries({ ...query, session_id: client.session })) url.searchParams.set(key, value)
  const response = await fetch(url)
  if (response.ok && response.body) await pipeline(Readable.fromWeb(response.body as never), createWriteStream(file))
  return response
}
