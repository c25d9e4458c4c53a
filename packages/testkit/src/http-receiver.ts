import { createServer as createHttp, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createHttps } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TestCertificate } from './tls.ts'

/** A request that came in. */
export interface Received {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** How a request is answered: with this, or, for `hang`, never. */
export type ReceiverAnswer =
  | { readonly status: number; readonly body?: string; readonly headers?: Readonly<Record<string, string>> }
  | 'hang'

/** An HTTP server on loopback that keeps what it gets. */
export interface HttpReceiver extends AsyncDisposable {
  /** `http://127.0.0.1:PORT` */
  readonly url: string
  readonly received: readonly Received[]
}

export async function startReceiver(
  answer: (request: Received, count: number) => ReceiverAnswer = () => ({ status: 200, body: 'ok' }),
  certificate?: TestCertificate,
): Promise<HttpReceiver> {
  const received: Received[] = []
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => void parts.push(part))
    request.on('end', () => {
      const { method = '', url: path = '', headers } = request
      const one = { method, path, headers, body: Buffer.concat(parts).toString('utf8') }
      received.push(one)
      const given = answer(one, received.length)
      if (given !== 'hang') response.writeHead(given.status, given.headers).end(given.body)
    })
  }
  const server = certificate
    ? createHttps({ cert: certificate.cert, key: certificate.key }, onRequest)
    : createHttp(onRequest)
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `${certificate ? 'https' : 'http'}://127.0.0.1:${port}`,
    received,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise<void>((resolve) => void server.close(() => resolve()))
    },
  }
}
