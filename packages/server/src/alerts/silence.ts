import type { QuietHours } from '@nixen/api'
import { isOpen } from '../repositories/due-maintenance.ts'
import type { StoredAlert } from './alert-store.ts'

/** Whether nobody is told about an object now: by somebody's word, in quiet hours, or by one of its tags. Pure. */
export function isSilenced(
  { silenced, quiet, silenceTags }: Pick<StoredAlert, 'silenced' | 'quiet' | 'silenceTags'>,
  tags: readonly string[],
  now: number,
): boolean {
  if (silenced && now < silenced.until) return true
  if (quiet.some((hours: QuietHours) => isOpen(hours, now))) return true
  return tags.some((tag) => silenceTags.includes(tag))
}
