import type { ReactNode } from 'react'
import { cx } from './class-names.ts'

/** A state by shape, text and colour: never by colour alone. */
export type Shape = 'full' | 'half' | 'ring' | 'cross' | 'turning'
export type StateTone = 'good' | 'warn' | 'bad' | 'still'

const colours: Readonly<Record<StateTone, string>> = {
  good: 'text-good',
  warn: 'text-warn',
  bad: 'text-bad',
  still: 'text-muted',
}

/** A small mark and a word. */
export function State({
  shape,
  tone,
  children,
}: {
  readonly shape: Shape
  readonly tone: StateTone
  readonly children: ReactNode
}): ReactNode {
  return (
    <span className={cx('inline-flex max-w-full items-center gap-1.5', colours[tone])}>
      <Mark shape={shape} />
      <span className="truncate">{children}</span>
    </span>
  )
}

function Mark({ shape }: { readonly shape: Shape }): ReactNode {
  const turning = shape === 'turning'
  return (
    <svg width="11" height="11" viewBox="0 0 12 12" aria-hidden className={cx('shrink-0', turning && 'animate-spin')}>
      {shape === 'full' && <circle cx="6" cy="6" r="5" fill="currentColor" />}
      {shape === 'ring' && <circle cx="6" cy="6" r="4.2" fill="none" stroke="currentColor" strokeWidth="1.6" />}
      {shape === 'half' && (
        <>
          <circle cx="6" cy="6" r="4.2" fill="none" stroke="currentColor" strokeWidth="1.6" />
          <path d="M6 1.8a4.2 4.2 0 0 1 0 8.4z" fill="currentColor" />
        </>
      )}
      {shape === 'cross' && <path d="M2 2l8 8M10 2l-8 8" stroke="currentColor" strokeWidth="2.2" />}
      {turning && (
        <path
          d="M6 1.5a4.5 4.5 0 1 1-4.5 4.5"
          fill="none"
          stroke="currentColor"
          strokeWidth="1.8"
          strokeLinecap="round"
        />
      )}
    </svg>
  )
}
