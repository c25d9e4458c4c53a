import { WifiOff } from 'lucide-react'
import type { ReactNode } from 'react'
import { useNow } from '../format/clock.ts'
import { formatDuration } from '../format/format.ts'
import { liveStatus } from '../live/live.ts'
import { useValue } from '../value.ts'
import { shell } from '../i18n/shell.ts'
import { rich } from '../i18n/rich.tsx'

/** Says that the server is not heard, and how old what is on the screen is. */
export function LiveBanner(): ReactNode {
  const status = useValue(liveStatus)
  const now = useNow(1000)
  if (status.kind !== 'lost') return null
  const age = Math.max(0, Math.floor((now - status.since) / 1000)) * 1000
  return (
    <div role="status" className="bg-warn-soft text-warn flex items-center gap-2 px-4 py-1.5 font-medium">
      <WifiOff size={16} aria-hidden className="shrink-0" />
      <span>{rich(shell.stale, { age: <span aria-live="off">{formatDuration(age)}</span> })}</span>
    </div>
  )
}
