/** When something repeats, as people choose it. What does not fit stays as it is: cron. */
export type Rhythm =
  | { readonly kind: 'daily'; readonly at: string }
  | { readonly kind: 'weekly'; readonly at: string; readonly days: readonly number[] }
  | { readonly kind: 'hourly'; readonly hours: number }
  | { readonly kind: 'cron'; readonly cron: string }
export type RhythmKind = Rhythm['kind']

/** Hours that divide a day: cron counts them from midnight. */
export const wholeHours = [1, 2, 3, 4, 6, 8, 12] as const

const atPattern = /^(\d{1,2}) (\d{1,2})$/

/** `30 2 * * 1-5` → at 02:30 on five days. Days are 0 for Sunday to 6. */
export function rhythmOf(cron: string): Rhythm {
  const fields = cron.trim().split(/\s+/)
  const [minute = '', hour = '', day, month, weekday = ''] = fields
  if (fields.length !== 5 || day !== '*' || month !== '*') return { kind: 'cron', cron }
  const every = /^\*\/(\d{1,2})$/.exec(hour)?.[1]
  const hours = hour === '*' ? 1 : Number(every)
  if (minute === '0' && weekday === '*' && wholeHours.some((one) => one === hours)) return { kind: 'hourly', hours }
  const at = atPattern.exec(`${minute} ${hour}`)
  if (!at || Number(minute) > 59 || Number(hour) > 23) return { kind: 'cron', cron }
  const time = `${hour.padStart(2, '0')}:${minute.padStart(2, '0')}`
  if (weekday === '*') return { kind: 'daily', at: time }
  const days = daysOf(weekday)
  return days ? { kind: 'weekly', at: time, days } : { kind: 'cron', cron }
}

/** `1-5,0` → the days; `undefined` when it says more than days. */
function daysOf(text: string): readonly number[] | undefined {
  const days = new Set<number>()
  for (const part of text.split(',')) {
    const [, from, to = from] = /^([0-7])(?:-([0-7]))?$/.exec(part) ?? []
    if (from === undefined) return undefined
    for (let day = Number(from); day <= Number(to); day++) days.add(day % 7)
  }
  return [...days].sort((a, b) => a - b)
}

/** The cron fields of a rhythm. */
export function cronOf(rhythm: Rhythm): string {
  switch (rhythm.kind) {
    case 'cron':
      return rhythm.cron.trim()
    case 'hourly':
      return rhythm.hours === 1 ? '0 * * * *' : `0 */${rhythm.hours} * * *`
    case 'daily':
    case 'weekly': {
      const [hour = '0', minute = '0'] = rhythm.at.split(':')
      const days = rhythm.kind === 'daily' || rhythm.days.length === 0 ? '*' : rhythm.days.join(',')
      return `${Number(minute)} ${Number(hour)} * * ${days}`
    }
  }
}
