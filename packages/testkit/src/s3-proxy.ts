import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What the proxy does with one request instead of passing it on. */
export type ProxyFault =
  /** An S3 error answer; the server behind never sees the request. */
  | { readonly kind: 'status'; readonly status: number; readonly code: string }
  /** The connection is reset before the request is passed on. */
  | { readonly kind: 'reset' }
  /** The request is done, and the connection reset in place of the answer. */
  | { readonly kind: 'lost answer' }
  /** The answer stops after some bytes of its body, and the connection is reset. */
  | { readonly kind: 'cut body'; readonly after: number }
  /** Nothing ever comes back. */
  | { readonly kind: 'silence' }
  /** The answer comes after a pause (milliseconds). */
  | { readonly kind: 'delay'; readonly ms: number }

export interface ScriptedFault {
  readonly fault: ProxyFault
  /** `PUT`, `GET`, …; any when left out. */
  readonly method?: string
  /** What the path must match. */
  readonly path?: RegExp
  /** Requests that pass before. */
  readonly skip?: number
  /** How many requests are hit; all when left out. */
  readonly times?: number
}

export interface FaultProxy extends AsyncDisposable {
  /** `http://127.0.0.1:port` */
  readonly endpoint: string
  /** Requests so far, as `PUT /bucket/key`. */
  readonly requests: string[]
  inject(fault: ScriptedFault): void
  heal(): void
}

/** Starts an HTTP proxy in front of `target` (`http://host:port`) that fails as it is told to. Passes the `Host` on, so signatures stay valid. */
export async function startFaultProxy(target: string): Promise<FaultProxy> {
  const requests: string[] = []
  let scripts: { script: ScriptedFault; seen: number; hit: number }[] = []
  const pick = (incoming: IncomingMessage): ProxyFault | undefined => {
    for (const entry of scripts) {
      const { method, path, skip = 0, times = Infinity, fault } = entry.script
      if ((method && method !== incoming.method) || (path && !path.test(incoming.url ?? ''))) continue
      if (entry.seen++ < skip || entry.hit >= times) continue
      entry.hit++
      return fault
    }
    return undefined
  }
  const server = createServer((incoming, outgoing) => {
    requests.push(`${incoming.method} ${incoming.url}`)
    void handle(incoming, outgoing, { target, fault: pick(incoming) })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // A server that listens on TCP has an address of this shape.
  const { port } = server.address() as AddressInfo
  return {
    endpoint: `http://127.0.0.1:${port}`,
    requests,
    inject: (script) => void scripts.push({ script, seen: 0, hit: 0 }),
    heal: () => {
      scripts = []
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function handle(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { target, fault }: { target: string; fault: ProxyFault | undefined },
): Promise<void> {
  if (fault?.kind === 'status') {
    incoming.resume()
    outgoing.writeHead(fault.status, { 'content-type': 'application/xml' })
    outgoing.end(`<?xml version="1.0"?><Error><Code>${fault.code}</Code><Message>Injected.</Message></Error>`)
    return
  }
  if (fault?.kind === 'reset') return void incoming.socket.resetAndDestroy()
  if (fault?.kind === 'silence') return void incoming.resume()
  if (fault?.kind === 'delay') await new Promise((resolve) => setTimeout(resolve, fault.ms))
  forward(incoming, outgoing, { target, fault })
}

function forward(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { target, fault }: { target: string; fault: ProxyFault | undefined },
): void {
  const { hostname, port } = new URL(target)
  const onward = request(
    { hostname, port, method: incoming.method, path: incoming.url, headers: incoming.headers, setHost: false },
    (answer) => {
      if (fault?.kind === 'lost answer') {
        answer.resume().once('end', () => incoming.socket.resetAndDestroy())
        return
      }
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      if (fault?.kind !== 'cut body') return void answer.pipe(outgoing)
      let left = fault.after
      // A body that is shorter is cut at its end.
      answer.once('end', () => incoming.socket.resetAndDestroy())
      answer.on('data', (part: Buffer) => {
        outgoing.write(part.subarray(0, left))
        left -= part.length
        if (left <= 0) setTimeout(() => incoming.socket.resetAndDestroy(), 20)
      })
    },
  )
  onward.on('error', () => incoming.socket.resetAndDestroy())
  incoming.pipe(onward)
}
