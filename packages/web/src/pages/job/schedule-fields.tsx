import { X } from 'lucide-react'
import type { ReactNode } from 'react'
import { jobsText as t } from '../../i18n/jobs.ts'
import { IconButton } from '../../ui/button.tsx'
import { ChoiceField, SelectField, TextField } from '../../ui/field.tsx'
import { keepNames, type ScheduleDraft } from './draft.ts'
import { wholeHours, type Rhythm, type RhythmKind } from './rhythm.ts'
import { dayName } from './sentence.ts'

const kinds: readonly RhythmKind[] = ['daily', 'weekly', 'hourly', 'cron']
const days = [1, 2, 3, 4, 5, 6, 0]

/** The same moment in another rhythm, as far as it goes. */
function turned(rhythm: Rhythm, kind: RhythmKind, cron: string): Rhythm {
  const at = 'at' in rhythm ? rhythm.at : '02:30'
  if (kind === 'daily') return { kind, at }
  if (kind === 'weekly') return { kind, at, days: [6] }
  return kind === 'hourly' ? { kind, hours: 4 } : { kind: 'cron', cron }
}

/** When a job runs, and what is kept of what it makes then. */
export function ScheduleFields({
  schedule,
  keeps,
  cron,
  onChange,
  onRemove,
}: {
  readonly schedule: ScheduleDraft
  /** Whether it makes restore points. */
  readonly keeps: boolean
  readonly cron: string
  readonly onChange: (next: ScheduleDraft) => void
  readonly onRemove: () => void
}): ReactNode {
  const { name, rhythm, keep } = schedule
  const set = (next: Partial<ScheduleDraft>): void => onChange({ ...schedule, ...next })
  return (
    <fieldset className="border-line grid gap-4 rounded-md border p-4">
      <legend className="px-1 font-medium" translate="no">
        {name || t.scheduleName}
      </legend>
      <div className="flex items-start gap-2">
        <div className="grid min-w-0 flex-1 gap-4 sm:grid-cols-3">
          <TextField
            label={t.scheduleName}
            required
            pattern="[a-z0-9][a-z0-9\-]{0,31}"
            spellCheck={false}
            value={name}
            onChange={({ target }) => set({ name: target.value })}
          />
          <SelectField
            label={t.every}
            value={rhythm.kind}
            onChange={({ target }) => {
              const kind = kinds.find((one) => one === target.value)
              if (kind) set({ rhythm: turned(rhythm, kind, cron) })
            }}
          >
            {kinds.map((kind) => (
              <option key={kind} value={kind}>
                {t.rhythms[kind]}
              </option>
            ))}
          </SelectField>
          <RhythmFields rhythm={rhythm} onChange={(next) => set({ rhythm: next })} />
        </div>
        <IconButton
          label={t.scheduleRemove({ name })}
          className="mt-6"
          onClick={onRemove}
          icon={<X size={16} aria-hidden />}
        />
      </div>
      {rhythm.kind === 'weekly' && (
        <ChoiceField
          label={t.days}
          inline
          options={days.map((day) => ({ id: String(day), label: dayName(day) }))}
          chosen={rhythm.days.map(String)}
          onChange={(chosen) => set({ rhythm: { ...rhythm, days: chosen.map(Number).toSorted((a, b) => a - b) } })}
        />
      )}
      {keeps && (
        <fieldset>
          <legend className="mb-1 font-medium">{t.keep}</legend>
          <div className="grid grid-cols-2 gap-3 sm:grid-cols-6">
            {keepNames.map((period) => (
              <TextField
                key={period}
                label={t.keeps[period]}
                type="number"
                min={0}
                max={100_000}
                value={keep[period] ?? ''}
                onChange={({ target }) => {
                  const { [period]: _, ...others } = keep
                  const number = target.valueAsNumber
                  set({ keep: number > 0 ? { ...others, [period]: number } : others })
                }}
              />
            ))}
          </div>
          <p className="text-muted mt-1 text-xs">{t.keepHelp}</p>
        </fieldset>
      )}
    </fieldset>
  )
}

function RhythmFields({
  rhythm,
  onChange,
}: {
  readonly rhythm: Rhythm
  readonly onChange: (next: Rhythm) => void
}): ReactNode {
  if (rhythm.kind === 'cron')
    return (
      <TextField
        label={t.cron}
        help={t.cronHelp}
        required
        spellCheck={false}
        value={rhythm.cron}
        onChange={({ target }) => onChange({ kind: 'cron', cron: target.value })}
      />
    )
  if (rhythm.kind === 'hourly')
    return (
      <SelectField
        label={t.hours}
        value={rhythm.hours}
        onChange={({ target }) => onChange({ kind: 'hourly', hours: Number(target.value) })}
      >
        {wholeHours.map((hours) => (
          <option key={hours} value={hours}>
            {hours}
          </option>
        ))}
      </SelectField>
    )
  return (
    <TextField
      label={t.at}
      type="time"
      required
      value={rhythm.at}
      onChange={({ target }) => onChange({ ...rhythm, at: target.value })}
    />
  )
}
