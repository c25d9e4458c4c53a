import { isIPv6 } from 'node:net'
import { xapiErrors } from '../errors.ts'

/** Where a host listens. */
export interface Endpoint {
  readonly protocol: 'https:' | 'http:'
  /** Name or address; IPv6 without brackets. */
  readonly host: string
  readonly port: number
}

/**
 * Reads `https://host[:port]`, or a bare `host[:port]` as HTTPS. Credentials in the text are refused: they would end up in logs.
 *
 * @throws xapi.bad_value
 */
export function parseEndpoint(text: string): Endpoint {
  const url = URL.parse(text.includes('://') ? text : `https://${text}`)
  if (url?.username || url?.password) throw invalid('an address without credentials', 'credentials in the address')
  if (!url || url.hostname === '') throw invalid('https://<host>[:port]', JSON.stringify(text))
  const { protocol } = url
  if (protocol !== 'https:' && protocol !== 'http:') throw invalid('https or http', protocol)
  const port = url.port === '' ? (protocol === 'https:' ? 443 : 80) : Number(url.port)
  return { protocol, host: url.hostname.replace(/^\[|\]$/g, ''), port }
}

/** The same port and protocol on another host: XAPI names other hosts by address only. */
export function atHost(endpoint: Endpoint, host: string): Endpoint {
  return { ...endpoint, host: host.replace(/^\[|\]$/g, '') }
}

/** `host:port` for messages and as a key. */
export function endpointText({ host, port }: Endpoint): string {
  return `${isIPv6(host) ? `[${host}]` : host}:${port}`
}

function invalid(expected: string, got: string): Error {
  return xapiErrors.bad_value({ expected, got, at: 'the address of the host' })
}
