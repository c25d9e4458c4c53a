import { verifyErrors, type Point } from '@nixen/api'
import type { CheckRecord } from './check-record.ts'

/** A check that failed, as the failure of its task. */
export function failureOfCheck({ id, name }: Point, { reason }: CheckRecord): Error {
  const [repository = '', snapshot = ''] = id.split('.')
  return verifyErrors.failed({
    name,
    point: `${repository}.${snapshot.slice(0, 12)}`,
    reason: reason ?? 'no reason is known.',
  })
}
