import { fileURLToPath } from 'node:url'
import path from 'node:path'
import type { S3Retention, S3StorageOptions } from './s3/s3-options.ts'
import { storageErrors } from './storage-errors.ts'

/** What the address of a storage means. */
export type StorageAddress =
  | { readonly kind: 'local'; readonly directory: string }
  | { readonly kind: 's3'; readonly options: S3StorageOptions }

const s3Parameters = new Set([
  'endpoint',
  'region',
  'path-style',
  'profile',
  'retention-days',
  'retention-mode',
  'connections',
])

/**
 * Reads `DIR`, `file:///DIR` or `s3://bucket/prefix?endpoint=…&region=…&path-style=…&profile=…&retention-days=…&retention-mode=…&connections=…`.
 * Addresses never hold secrets: they are printed and logged.
 *
 * Errors: `storage.bad_url`.
 */
export function parseStorageAddress(url: string): StorageAddress {
  const scheme = /^([a-z][a-z0-9+.-]+):\/\//i.exec(url)?.[1]?.toLowerCase()
  if (scheme === undefined) {
    if (url === '') throw storageErrors.bad_url({ url: '""', reason: 'it is empty' })
    return { kind: 'local', directory: path.resolve(url) }
  }
  const parsed = parseUrl(url)
  if (parsed.username !== '' || parsed.password !== '') {
    throw storageErrors.bad_url({
      url: `${scheme}://…@${parsed.host}`,
      reason: 'credentials do not belong into an address; put them into the environment or a profile',
    })
  }
  if (scheme === 'file') return { kind: 'local', directory: localDirectory(parsed, url) }
  if (scheme === 's3') return { kind: 's3', options: s3Options(parsed, url) }
  throw storageErrors.bad_url({ url, reason: `"${scheme}" is not a kind of storage` })
}

function parseUrl(url: string): URL {
  try {
    return new URL(url)
  } catch (error) {
    throw storageErrors.bad_url({ url, reason: 'it can not be read' }, { cause: error })
  }
}

function localDirectory(parsed: URL, url: string): string {
  try {
    return fileURLToPath(parsed)
  } catch (error) {
    throw storageErrors.bad_url({ url, reason: 'a file address has no host' }, { cause: error })
  }
}

function s3Options(parsed: URL, url: string): S3StorageOptions {
  const get = (name: string): string | undefined => parsed.searchParams.get(name) ?? undefined
  for (const name of parsed.searchParams.keys()) {
    if (!s3Parameters.has(name)) throw storageErrors.bad_url({ url, reason: `"${name}" is not a parameter of it` })
  }
  if (parsed.hostname === '') throw storageErrors.bad_url({ url, reason: 'it names no bucket' })
  const endpoint = get('endpoint')
  if (endpoint !== undefined && !/^https?:\/\/[^/@?#]+\/?$/.test(endpoint)) {
    throw storageErrors.bad_url({ url, reason: 'the endpoint must be https://host or https://host:port' })
  }
  return {
    bucket: parsed.hostname,
    prefix: decodeURIComponent(parsed.pathname).replace(/^\/+|\/+$/g, ''),
    endpoint: endpoint?.replace(/\/$/, ''),
    region: get('region'),
    profile: get('profile'),
    pathStyle: yesOrNo(get('path-style'), url),
    connections: count(get('connections'), 'connections', url),
    retention: retention(get('retention-days'), get('retention-mode'), url),
  }
}

function yesOrNo(text: string | undefined, url: string): boolean | undefined {
  if (text === undefined) return undefined
  if (text === 'true' || text === 'yes' || text === '1') return true
  if (text === 'false' || text === 'no' || text === '0') return false
  throw storageErrors.bad_url({ url, reason: 'path-style must be true or false' })
}

function count(text: string | undefined, name: string, url: string): number | undefined {
  if (text === undefined) return undefined
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 1)
    throw storageErrors.bad_url({ url, reason: `${name} must be a number above 0` })
  return value
}

function retention(daysText: string | undefined, mode: string | undefined, url: string): S3Retention | undefined {
  const days = count(daysText, 'retention-days', url)
  if (mode !== undefined && mode !== 'governance' && mode !== 'compliance') {
    throw storageErrors.bad_url({ url, reason: 'retention-mode must be governance or compliance' })
  }
  if (days === undefined && mode !== undefined)
    throw storageErrors.bad_url({ url, reason: 'retention-mode needs retention-days' })
  return days === undefined ? undefined : { mode: mode ?? 'governance', days }
}
