import type { Point } from '@nixen/api'
import type { ReactNode } from 'react'
import { backup as t } from '../i18n/backup.ts'
import { State } from '../ui/state.tsx'
import { Ago } from '../ui/time.tsx'

/** When a restore point was last started and found good, or that its newest health check failed. */
export function Verified({ point: { verified, check } }: { readonly point: Point }): ReactNode {
  if (check === 'failed')
    return (
      <State shape="cross" tone="bad">
        {t.checkFailed}
      </State>
    )
  if (verified === undefined) return <span className="text-muted">{t.notVerified}</span>
  return (
    <State shape="full" tone="good">
      {t.verified} <Ago time={verified} />
    </State>
  )
}
