import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { messageOf } from '@nixen/core'
import { answerLine, type Sent } from './message.ts'

export interface PostRequest {
  readonly url: string
  readonly body: string
  readonly headers: Readonly<Record<string, string>>
  /** PEM of who signs the server's certificate. */
  readonly ca?: string | undefined
  readonly signal: AbortSignal
}

/** Most of an answer that is read, bytes: the rest says nothing that people would read. */
const mostRead = 16 * 1024

/**
 * Posts to exactly the address that was typed in: a redirect is not followed, a proxy of the environment is not asked. 2xx is a success.
 */
export async function post({ url, body, headers, ca, signal }: PostRequest): Promise<Sent> {
  try {
    const response = await begin({ url, body, headers, ca, signal })
    const said = await read(response)
    const { statusCode = 0, statusMessage = '' } = response
    const line = answerLine(`${statusCode} ${statusMessage} ${said}`)
    if (statusCode >= 200 && statusCode < 300) return { ok: true, answer: line }
    if (statusCode >= 300 && statusCode < 400) {
      return {
        ok: false,
        answer: `${statusCode}: it is elsewhere, and redirects are not followed. Give the new address.`,
      }
    }
    return { ok: false, answer: line, retryAfter: retryAfterOf(response) }
  } catch (error) {
    const { reason } = signal as { readonly reason: unknown }
    const late = signal.aborted && reason instanceof Error && reason.name === 'TimeoutError'
    return { ok: false, answer: late ? 'The server did not answer in time.' : answerLine(messageOf(error)) }
  }
}

async function begin({ url, body, headers, ca, signal }: PostRequest): Promise<IncomingMessage> {
  const request = url.startsWith('https:') ? httpsRequest : httpRequest
  const bytes = Buffer.from(body)
  return await new Promise((resolve, reject) => {
    const options = {
      method: 'POST',
      headers: { ...headers, 'user-agent': 'Nixen', 'content-length': String(bytes.length) },
      // A connection for one message: the next one may be hours away.
      agent: false,
      signal,
      ...(ca === undefined ? {} : { ca }),
    }
    request(url, options, resolve).on('error', reject).end(bytes)
  })
}

async function read(response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of response as AsyncIterable<Buffer>) {
    parts.push(part)
    size += part.length
    if (size >= mostRead) break
  }
  response.destroy()
  return Buffer.concat(parts).subarray(0, mostRead).toString('utf8')
}

/** `Retry-After` in seconds or as a date (RFC 9110 §10.2.3); milliseconds. */
function retryAfterOf({ headers }: IncomingMessage): number | undefined {
  const given = headers['retry-after']
  if (given === undefined) return undefined
  if (/^\d{1,9}$/.test(given)) return Number(given) * 1000
  const at = Date.parse(given)
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now())
}
