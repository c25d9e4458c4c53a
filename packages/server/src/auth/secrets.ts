import { hash, randomBytes } from 'node:crypto'

/** A fresh secret of 256 bits for a cookie, a token or a set-up link. `prefix` tells scanners of leaked keys what it is. */
export function newSecret(prefix = ''): string {
  return prefix + randomBytes(32).toString('base64url')
}

/** What is kept of a secret. Secrets of 256 random bits need no slow hash. */
export function hashSecret(secret: string): string {
  return hash('sha256', secret, 'base64url')
}

/** The token against forged requests that goes with a session's secret; says nothing of it. */
export function csrfOf(secret: string): string {
  return hash('sha256', `nixen csrf ${secret}`, 'base64url').slice(0, 32)
}
