import type { Vm } from '@nixen/api'
import type { ReactNode } from 'react'
import { backup } from '../i18n/backup.ts'
import { State, type Shape, type StateTone } from '../ui/state.tsx'
import { Ago } from '../ui/time.tsx'

type Protection = NonNullable<Vm['protection']>['state']

/** How protection is shown, from the one that needs somebody most. */
export const protectionLooks: Readonly<Record<Protection, readonly [Shape, StateTone]>> = {
  unprotected: ['ring', 'bad'],
  failing: ['cross', 'bad'],
  late: ['half', 'warn'],
  protected: ['full', 'good'],
}

/** Whether a VM could be had again, and from when. Nothing when the server does not say. */
export function Protected({ vm: { protection } }: { readonly vm: Vm }): ReactNode {
  if (!protection) return undefined
  const [shape, tone] = protectionLooks[protection.state]
  return (
    <span title={backup.protectionStates[protection.state]}>
      <State shape={shape} tone={tone}>
        {protection.newest === undefined ? backup.protectionStates[protection.state] : <Ago time={protection.newest} />}
      </State>
    </span>
  )
}
