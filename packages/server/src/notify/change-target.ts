import { channelErrors, channelTargets, requestErrors, type ChannelChange, type ChannelTarget } from '@nixen/api'
import { secretFieldOf, serverOf } from './show-channel.ts'

type TargetChange = Omit<ChannelChange, 'name' | 'enabled' | 'hourly'>

/**
 * Where a channel goes after a change; what is left out stays, null takes away. A kept secret is not sent to another server. Pure.
 *
 * @throws channel.wrong_kind, channel.secret_needed, request.invalid
 */
export function changeTarget(before: ChannelTarget, change: TargetChange): ChannelTarget {
  const given = Object.entries(change).filter(([, value]) => value !== undefined)
  const { shape } = channelTargets[before.kind]
  const unknown = given.find(([field]) => !(field in shape))
  if (unknown) throw channelErrors.wrong_kind({ kind: before.kind, field: unknown[0] })
  const merged = Object.entries({ ...before, ...Object.fromEntries(given) }).filter(([, value]) => value !== null)
  const parsed = channelTargets[before.kind].safeParse(Object.fromEntries(merged))
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) => ({ path: ['input', ...path].join('.'), message }))
    throw requestErrors.invalid({ problems })
  }
  const secret = secretFieldOf(before)
  const next: ChannelTarget = parsed.data
  if (secret !== undefined && change[secret] === undefined && serverOf(next) !== serverOf(before)) {
    throw channelErrors.secret_needed({ field: secret })
  }
  return next
}
