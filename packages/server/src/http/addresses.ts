import type { Settings } from '../config/settings.ts'

/** Path under which everything is, with `/` at its end. */
export function basePathOf(settings: Settings): string {
  const path = settings['server.base_path']
  return path.endsWith('/') ? path : `${path}/`
}

/** Address that people use, with `/` at its end; `undefined` when nobody has said it. */
export function publicUrlOf(settings: Settings): string | undefined {
  const url = settings['server.public_url']
  return url === '' ? undefined : url.replace(/\/*$/, '/')
}

/** Address to print: that which people use, or else one of this machine. */
export function urlOf(settings: Settings, port: number): string {
  const known = publicUrlOf(settings)
  if (known !== undefined) return known
  const protocol = settings['tls.mode'] === 'off' ? 'http' : 'https'
  const host = settings['server.listen']
  const name = host === '0.0.0.0' || host === '::' ? 'localhost' : host.includes(':') ? `[${host}]` : host
  return `${protocol}://${name}:${port}${basePathOf(settings)}`
}
