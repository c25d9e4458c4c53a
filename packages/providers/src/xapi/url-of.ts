import { connectionErrors } from '@nixen/api'

/** The address of a host; a bare name means HTTPS. @throws connection.unreachable when it is none */
export function urlOf(address: string): URL {
  const url = URL.parse(address.includes('://') ? address : `https://${address}`)
  if (url && url.hostname !== '' && (url.protocol === 'https:' || url.protocol === 'http:')) return url
  throw connectionErrors.unreachable({ address, reason: 'it is not https://host[:port]' })
}
