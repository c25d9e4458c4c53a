import type { ReactNode } from 'react'
import { useNow } from '../format/clock.ts'
import { formatAgo, formatTime } from '../format/format.ts'

/** How long ago something was; the moment itself in its title. */
export function Ago({ time }: { readonly time: number | undefined }): ReactNode {
  const now = useNow()
  if (time === undefined) return <span className="text-muted">–</span>
  return (
    <time className="whitespace-nowrap" dateTime={new Date(time).toISOString()} title={formatTime(time)}>
      {formatAgo(time, Math.max(now, Date.now()))}
    </time>
  )
}
