import { alertErrors, authErrors, requestErrors, type NewAlert, type Permission } from '@nixen/api'
import type { Principal } from '../auth/principal.ts'
import type { Channels } from '../notify/channels.ts'
import { lookOf, triggersOf, type World } from './look.ts'
import { checkTemplate } from './template.ts'

/**
 * Refuses an alert that cannot be, or that looks at more than who wants it may see.
 *
 * @throws alert.bad_template, alert.bad_threshold, query.invalid, channel.not_found, request.invalid, auth.forbidden
 */
export function checkAlert(
  { condition, message, channels, quiet }: NewAlert,
  who: Pick<Principal, 'access'>,
  known: { readonly channels: Pick<Channels, 'demandAll'>; readonly world: World },
): void {
  for (const [index, { timeZone }] of quiet.entries()) checkTimeZone(timeZone, index)
  if (message !== undefined) checkTemplate(message)
  if ('above' in condition && condition.clear !== undefined && condition.clear > condition.above) {
    throw alertErrors.bad_threshold({ above: condition.above, clear: condition.clear })
  }
  triggersOf(condition)
  lookOf(condition, known.world)
  known.channels.demandAll(channels)
  // An alert sees everything of its kind: so must who makes it.
  const permission = permissionOf(condition)
  if (who.access.reach(permission) !== 'all') throw authErrors.forbidden({ permission })
}

/** @throws request.invalid */
function checkTimeZone(timeZone: string | undefined, index: number): void {
  try {
    Intl.DateTimeFormat('en', { timeZone })
  } catch (cause) {
    const problem = { path: `input.quiet.${index}.timeZone`, message: 'There is no such time zone.' }
    throw requestErrors.invalid({ problems: [problem] }, { cause })
  }
}

function permissionOf(condition: NewAlert['condition']): Permission {
  switch (condition.kind) {
    case 'query': {
      const { type } = condition
      return `${type}:read`
    }
    case 'host-cpu':
    case 'host-memory':
    case 'host-down':
      return 'host:read'
    case 'storage-usage':
      return 'storage:read'
    case 'connection-down':
    case 'certificate':
      return 'connection:read'
    case 'job-failed':
    case 'job-late':
      return 'job:read'
    case 'repository':
      return 'repository:read'
  }
}
