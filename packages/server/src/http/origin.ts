import { authErrors } from '@nixen/api'

/**
 * Refuses a request that a page of another site made a browser send. Programs send no `Origin` and need none; browsers send one with
 * everything but plain GETs.
 *
 * @throws auth.bad_origin
 */
export function demandSameOrigin(headers: OriginHeaders, own: readonly string[]): void {
  const { origin, 'sec-fetch-site': site } = headers
  if (origin !== undefined && !own.includes(origin.toLowerCase())) throw authErrors.bad_origin({ origin })
  if (origin === undefined && (site === 'cross-site' || site === 'same-site')) {
    throw authErrors.bad_origin({ origin: 'another site' })
  }
}

export interface OriginHeaders {
  readonly origin?: string | undefined
  readonly 'sec-fetch-site'?: string | string[] | undefined
}
