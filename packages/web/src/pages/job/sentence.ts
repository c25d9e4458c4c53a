import { common } from '../../i18n/common.ts'
import { intlLocale, locale } from '../../i18n/locale.ts'
import { jobsText as t } from '../../i18n/jobs.ts'
import { keepNames, type JobDraft } from './draft.ts'
import type { Rhythm } from './rhythm.ts'

const tongue = locale === 'pseudo' ? 'en' : (intlLocale ?? locale)
const list = new Intl.ListFormat(tongue, { type: 'conjunction' })
const weekday = new Intl.DateTimeFormat(tongue, { weekday: 'long', timeZone: 'UTC' })

/** The name of a day of the week, 0 for Sunday. */
export function dayName(day: number): string {
  // 4 January 1970 was a Sunday.
  return weekday.format((3 + day) * 86_400_000)
}

/** What a job does, in a sentence: `Backs up all VMs (12 now) to NAS every day at 02:30. Keeps 7 daily.` */
export function sentenceOf(draft: JobDraft, { count, repositories }: SentenceFacts): string {
  const n = count === undefined ? '' : t.nowMany({ n: count })
  const q = draft.q.trim()
  return t.says({
    work: workWords(draft),
    which: q === '' ? t.allVms({ n }) : t.someVms({ q, n }),
    where: repositories.length === 0 ? '' : t.to({ names: list.format(repositories) }),
    when: whenWords(draft),
    keep: draft.work.kind === 'backup' ? keepWords(draft) : '',
  })
}

export interface SentenceFacts {
  /** How many objects it finds now, when that is known. */
  readonly count: number | undefined
  /** Names of where it writes to. */
  readonly repositories: readonly string[]
}

function workWords({ work }: JobDraft): string {
  if (work.kind === 'backup' || work.kind === 'snapshot' || work.kind === 'metadata') return t.does[work.kind]
  if (work.kind !== 'action') return t.does.other
  const name = work.action.replace('vm.', '')
  return name === 'start' || name === 'shutdown' || name === 'reboot' || name === 'suspend' || name === 'resume'
    ? t.does[name]
    : t.does.other
}

function whenWords({ schedules, enabled }: JobDraft): string {
  const shown = enabled ? schedules.filter((schedule) => schedule.enabled) : []
  return shown.length === 0 ? t.onDemand : list.format(shown.map(({ rhythm }) => rhythmWords(rhythm)))
}

/** `every day at 02:30`. */
export function rhythmWords(rhythm: Rhythm): string {
  switch (rhythm.kind) {
    case 'daily':
      return t.sayDaily({ at: rhythm.at })
    case 'weekly':
      return t.sayWeekly({ days: list.format(rhythm.days.map(dayName)) || common.none, at: rhythm.at })
    case 'hourly':
      return t.sayHourly({ hours: rhythm.hours })
    case 'cron':
      return t.sayCron({ cron: rhythm.cron })
  }
}

function keepWords({ schedules }: JobDraft): string {
  const parts = keepNames.flatMap((name) => {
    const n = Math.max(0, ...schedules.map(({ keep }) => keep[name] ?? 0))
    return n === 0 ? [] : [t.keepParts[name]({ n })]
  })
  return parts.length === 0 ? t.keepAll : t.sayKeep({ parts: list.format(parts) })
}
