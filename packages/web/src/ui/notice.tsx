import { CircleAlert, CircleCheck, Info, TriangleAlert } from 'lucide-react'
import type { ReactNode } from 'react'
import { cx } from './class-names.ts'

export type Tone = 'good' | 'warn' | 'bad' | 'info'

const tones: Readonly<Record<Tone, { readonly look: string; readonly icon: ReactNode }>> = {
  good: { look: 'bg-good-soft text-good', icon: <CircleCheck size={16} aria-hidden /> },
  warn: { look: 'bg-warn-soft text-warn', icon: <TriangleAlert size={16} aria-hidden /> },
  bad: { look: 'bg-bad-soft text-bad', icon: <CircleAlert size={16} aria-hidden /> },
  info: { look: 'bg-hover text-ink', icon: <Info size={16} aria-hidden /> },
}

/** Something that people should read; what went wrong is announced at once. */
export function Notice({ tone, children }: { readonly tone: Tone; readonly children: ReactNode }): ReactNode {
  const { look, icon } = tones[tone]
  return (
    <div role={tone === 'bad' ? 'alert' : 'status'} className={cx('flex gap-2 rounded-md px-3 py-2', look)}>
      <span className="mt-0.5 shrink-0">{icon}</span>
      <div className="min-w-0 break-words">{children}</div>
    </div>
  )
}
