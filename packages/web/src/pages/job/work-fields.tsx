import type { JobWork } from '@nixen/api'
import type { ReactNode } from 'react'
import { jobsText as t } from '../../i18n/jobs.ts'
import { isStoring } from './draft.ts'
import { CheckField, SelectField } from '../../ui/field.tsx'

const kinds = ['backup', 'snapshot', 'action', 'metadata'] as const
type Kind = (typeof kinds)[number]
const actions = ['vm.start', 'vm.shutdown', 'vm.reboot', 'vm.suspend', 'vm.resume'] as const
type Backup = JobWork & { kind: 'backup' }
const modes = ['crash', 'memory', 'halted'] as const
const quiesces = ['never', 'try', 'require'] as const

/** Other work with what both kinds have in common. */
function turned(work: JobWork, kind: Kind): JobWork {
  const repositories = isStoring(work) ? work.repositories : []
  if (kind === 'backup') return { kind, repositories, mode: 'crash', quiesce: 'try', keepData: false, verify: 0.01 }
  if (kind === 'metadata') return { kind, repositories, pools: true, own: true }
  return kind === 'snapshot' ? { kind, memory: false } : { kind, action: 'vm.start', input: {} }
}

/** What a job does. What the form does not know is kept as it is. */
export function WorkFields({
  work,
  onChange,
}: {
  readonly work: JobWork
  readonly onChange: (work: JobWork) => void
}): ReactNode {
  const isKnown =
    work.kind === 'action' ? actions.some((one) => one === work.action) : kinds.some((one) => one === work.kind)
  if (!isKnown) return <p>{t.kinds.other}</p>
  return (
    <>
      <SelectField
        label={t.what}
        value={work.kind}
        onChange={({ target }) => {
          const kind = kinds.find((one) => one === target.value)
          if (kind) onChange(turned(work, kind))
        }}
      >
        {kinds.map((kind) => (
          <option key={kind} value={kind}>
            {t.kinds[kind]}
          </option>
        ))}
      </SelectField>
      {work.kind === 'backup' && <BackupFields work={work} onChange={onChange} />}
      {work.kind === 'snapshot' && (
        <CheckField
          label={t.withMemory}
          checked={work.memory}
          onChange={({ target }) => onChange({ ...work, memory: target.checked })}
        />
      )}
      {work.kind === 'action' && (
        <SelectField
          label={t.action}
          value={work.action}
          onChange={({ target }) => onChange({ ...work, action: target.value })}
        >
          {actions.map((action) => (
            <option key={action} value={action}>
              {t.actions[action]}
            </option>
          ))}
        </SelectField>
      )}
    </>
  )
}

function BackupFields({
  work,
  onChange,
}: {
  readonly work: Backup
  readonly onChange: (work: Backup) => void
}): ReactNode {
  return (
    <div className="grid gap-4 sm:grid-cols-2">
      <SelectField
        label={t.mode}
        value={work.mode}
        onChange={({ target }) => onChange({ ...work, mode: modes.find((one) => one === target.value) ?? 'crash' })}
      >
        {modes.map((mode) => (
          <option key={mode} value={mode}>
            {t.modes[mode]}
          </option>
        ))}
      </SelectField>
      <SelectField
        label={t.quiesce}
        value={work.quiesce}
        onChange={({ target }) => onChange({ ...work, quiesce: quiesces.find((one) => one === target.value) ?? 'try' })}
      >
        {quiesces.map((quiesce) => (
          <option key={quiesce} value={quiesce}>
            {t.quiesces[quiesce]}
          </option>
        ))}
      </SelectField>
    </div>
  )
}
