import { transferErrors } from '@nixen/api'
import { isAbort, messageOf } from '@nixen/core'
import type { Incoming } from './incoming.ts'

const mostRedirections = 5

export interface FetchOptions {
  /** `transfer.allowed_hosts`. */
  readonly allowed: readonly string[]
  readonly signal: AbortSignal
  readonly fetch?: typeof globalThis.fetch
}

/**
 * Whether something may be fetched from an address: its host is in the list, as it is there (`downloads.example.net`, `10.0.0.5:8080`) or below it
 * (`*.example.net`). Without a port in the list only the usual one is meant.
 */
export function isAllowed({ hostname, port }: URL, allowed: readonly string[]): boolean {
  return allowed.some((entry) => {
    const [, host = '', allowedPort = ''] = /^(.*?)(?::(\d+))?$/.exec(entry.toLowerCase()) ?? []
    if (allowedPort !== port) return false
    return host.startsWith('*.') ? hostname.endsWith(host.slice(1)) : hostname === host
  })
}

/** Checks an address before anything is begun. @throws transfer.url_not_allowed */
export function demandAllowed(url: string, allowed: readonly string[]): URL {
  const parsed = new URL(url)
  if (!isAllowed(parsed, allowed)) throw transferErrors.url_not_allowed({ host: parsed.host })
  return parsed
}

/** Opens a file on a web server. Each redirection is checked as the first address is. @throws transfer.url_not_allowed, source_failed */
export async function openUrl(
  url: string,
  { allowed, signal, fetch = globalThis.fetch }: FetchOptions,
): Promise<Incoming> {
  let target = demandAllowed(url, allowed)
  for (let hop = 0; hop <= mostRedirections; hop++) {
    const response = await get(target, { signal, fetch })
    const location = response.headers.get('location')
    if (response.status >= 300 && response.status < 400 && location !== null) {
      await response.body?.cancel()
      const next = URL.parse(location, target)
      if (!next || !/^https?:$/.test(next.protocol)) throw failed(target, `it leads to "${location.slice(0, 200)}".`)
      target = demandAllowed(next.href, allowed)
      continue
    }
    if (response.status !== 200 || !response.body) {
      await response.body?.cancel()
      throw failed(target, `it answers ${response.status}.`)
    }
    return incomingOf(response.body, { target, response, signal })
  }
  throw failed(target, `it leads on more than ${mostRedirections} times.`)
}

async function get(
  target: URL,
  { signal, fetch }: { readonly signal: AbortSignal; readonly fetch: typeof globalThis.fetch },
): Promise<Response> {
  try {
    // Bytes as they are: a checksum is of the file, not of how it was packed on the way.
    return await fetch(target, { signal, redirect: 'manual', headers: { 'accept-encoding': 'identity' } })
  } catch (error) {
    if (isAbort(error, signal)) throw error
    throw failed(target, reasonOf(error), error)
  }
}

function incomingOf(
  body: ReadableStream<Uint8Array>,
  { target, response, signal }: { readonly target: URL; readonly response: Response; readonly signal: AbortSignal },
): Incoming {
  const length = response.headers.get('content-length')
  return {
    what: withoutSecrets(target),
    length: length === null || response.headers.has('content-encoding') ? undefined : Number(length),
    async *bytes() {
      try {
        yield* body
      } catch (error) {
        if (isAbort(error, signal)) throw error
        throw failed(target, reasonOf(error), error)
      }
    },
  }
}

function failed(target: URL, reason: string, cause?: unknown): Error {
  return transferErrors.source_failed({ url: withoutSecrets(target), reason }, { cause })
}

/** Queries of such addresses are often signatures. */
function withoutSecrets({ origin, pathname }: URL): string {
  return origin + pathname
}

function reasonOf(error: unknown): string {
  return error instanceof Error && error.cause instanceof Error ? error.cause.message : messageOf(error)
}
