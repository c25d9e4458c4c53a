/** Name of the cookie that holds a session's secret. */
export const sessionCookie = 'nixen_session'

/** The value of a cookie of a request (RFC 6265 §4.2). */
export function readCookie(header: string | undefined, name: string): string | undefined {
  for (const part of (header ?? '').split(';')) {
    const at = part.indexOf('=')
    if (at > 0 && part.slice(0, at).trim() === name) return part.slice(at + 1).trim()
  }
  return undefined
}

/** A `Set-Cookie` that scripts cannot read and other sites cannot send. Without a value it takes the cookie away. */
export function writeCookie(
  name: string,
  value: string | undefined,
  options: { secure: boolean; path: string },
): string {
  const age = value === undefined ? '; Max-Age=0' : ''
  return `${name}=${value ?? ''}; Path=${options.path}; HttpOnly; SameSite=Strict${options.secure ? '; Secure' : ''}${age}`
}
