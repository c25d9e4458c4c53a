import { isAppError } from '@nixen/core'

const lasting: ReadonlySet<string> = new Set([
  'connection.wrong_credentials',
  'connection.forbidden',
  'connection.unknown_certificate',
  'connection.certificate_changed',
  'connection.not_the_product',
  'connection.other_pool',
])

/** Whether trying again helps only after somebody has changed something: a password, a pin, the address. */
export function needsSomebody(error: unknown): boolean {
  return isAppError(error) && lasting.has(error.code)
}
