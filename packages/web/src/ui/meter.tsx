import type { ReactNode } from 'react'
import { formatBytes, formatPart } from '../format/format.ts'
import { cx } from './class-names.ts'
import { common } from '../i18n/common.ts'

/** How much of something is used, as text and as a bar. */
export function UsageMeter({
  used,
  size,
  label,
}: {
  readonly used: number | undefined
  readonly size: number | undefined
  readonly label: string
}): ReactNode {
  if (used === undefined || size === undefined || size === 0) return <span className="text-muted">–</span>
  const part = Math.min(1, used / size)
  return (
    <span
      className="flex min-w-0 items-center gap-2"
      title={common.usedOf({ used: formatBytes(used), size: formatBytes(size) })}
    >
      <Bar part={part} label={label} />
      <span className="w-11 shrink-0 text-right">{formatPart(part)}</span>
    </span>
  )
}

/** A bar; it warns from 85 % on. */
export function Bar({
  part,
  label,
  tone: given,
}: {
  readonly part: number
  readonly label: string
  readonly tone?: string
}): ReactNode {
  const tone = given ?? (part >= 0.95 ? 'bg-bad' : part >= 0.85 ? 'bg-warn' : 'bg-solid')
  return (
    <span
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(part * 100)}
      className="bg-line h-1.5 min-w-10 flex-1 overflow-hidden rounded-full"
    >
      <span className={cx('block h-full rounded-full', tone)} style={{ width: `${part * 100}%` }} />
    </span>
  )
}
