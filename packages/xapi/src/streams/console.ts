import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { xapiErrors } from '../errors.ts'
import type { Xapi } from '../session/xapi.ts'
import { atHost, endpointText } from '../transport/endpoint.ts'
import type { Ref } from '../values/ref.ts'
import { sessionCookie } from './http-path.ts'

/** A connection to a console; the bytes are those of its protocol, RFB or a terminal's. */
export interface ConsoleConnection {
  readonly protocol: string
  readonly stream: Duplex
}

/**
 * Opens a console of a running VM, on the host where the VM runs.
 *
 * @throws xapi.http_status (503 when the pool allows no more viewers, 404 when the VM runs elsewhere by now), unreachable, timeout
 */
export async function openConsole(
  xapi: Xapi,
  console: Ref<'console'>,
  { signal }: { signal?: AbortSignal } = {},
): Promise<ConsoleConnection> {
  const { location, protocol } = await xapi.client.with({ signal }).console.get_record(console)
  const url = URL.parse(location)
  if (!url) throw xapiErrors.bad_answer({ expected: 'an address', got: location, at: 'console.location' })
  const login = await xapi.streams.login({ signal })
  const endpoint = atHost(login.endpoint, url.hostname)
  const { http, timeouts } = xapi.streams
  const limit = AbortSignal.timeout(timeouts.login)
  const path = url.pathname + url.search
  const { request, answer } = http.send(endpoint, {
    method: 'CONNECT', path, headers: sessionCookie(login), lane: 'stream', signal: signal ? AbortSignal.any([signal, limit]) : limit,
  }) // prettier-ignore
  const what = `CONNECT ${url.pathname} on ${endpointText(endpoint)}`
  return await new Promise<ConsoleConnection>((resolve, reject) => {
    request.once('connect', (response: IncomingMessage, stream: Duplex, head: Buffer) => {
      if (response.statusCode === 200) {
        stream.unshift(head)
        resolve({ protocol, stream })
        return
      }
      stream.destroy()
      reject(xapiErrors.http_status({ status: response.statusCode ?? 0, what }))
    })
    // A tunnel has no ordinary answer: this only ever fails.
    answer.catch((error: unknown) =>
      reject(
        limit.aborted ? xapiErrors.timeout({ what, ms: timeouts.login }) : unreachable(error, endpointText(endpoint)),
      ),
    )
  })
}

function unreachable(error: unknown, host: string): unknown {
  if (!(error instanceof Error) || error.name !== 'NoAnswer') return error
  return xapiErrors.unreachable({ host, reason: 'it closed the connection' }, { cause: error })
}
