import type { NewJob, Retention } from '@nixen/api'

/** A job in plain words: what it does, with how many objects, when, and what is kept. */
export function sentenceOf(
  { schedules, enabled, after = [] }: Pick<NewJob, 'schedules' | 'enabled' | 'after'>,
  { does, objects }: { readonly does: string; readonly objects: number },
): string {
  const what = `${does}: ${objects} ${objects === 1 ? 'object' : 'objects'} now.`
  const active = schedules.filter((schedule) => schedule.enabled)
  const follows =
    after.length > 0 ? ` Runs after ${after.length === 1 ? 'another job' : `${after.length} other jobs`}.` : ''
  if (!enabled) return `${what} Runs only when somebody starts it.`
  if (active.length === 0) return `${what}${follows || ' Runs only when somebody starts it.'}`
  const times = active.map(({ name, cron, timeZone, keep }) => {
    const zone = timeZone === undefined ? '' : ` (${timeZone})`
    const kept = keep && keepOf(keep)
    return `${name} at "${cron}"${zone}${kept === undefined ? '' : `, keeping ${kept}`}`
  })
  return `${what} Runs ${times.join('; ')}.${follows}`
}

function keepOf(keep: Retention): string | undefined {
  const words = {
    last: 'the newest',
    hourly: 'hourly',
    daily: 'daily',
    weekly: 'weekly',
    monthly: 'monthly',
    yearly: 'yearly',
  }
  const parts = Object.entries(words).flatMap(([key, word]) => {
    const count = keep[key as keyof Retention]
    if (!count) return []
    return key === 'last' ? [`${word} ${count}`] : [`${count} ${word}`]
  })
  return parts.length === 0 ? undefined : parts.join(', ')
}
