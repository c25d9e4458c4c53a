import type { Connection, Host, Repository, Storage } from '@nixen/api'
import type { Reading } from './state.ts'

/** What an object shows, and how that is written. */
export interface Measured {
  readonly reading: Reading
  readonly value: string
}

const unknown: Measured = { reading: 'unknown', value: '' }
const day = 86_400_000
/** How far below its beginning an alert ends when nothing else is said. */
const usualGap = 0.05

/** `0.914` → `91 %`. Below a whole percent, where it matters which side of 100 it is on, one digit. */
export function percent(share: number): string {
  const value = share * 100
  return `${value > 99 && value < 100 ? value.toFixed(1) : Math.round(value)} %`
}

/** A part of all against its two thresholds. Pure. */
export function shareReading(
  share: number | undefined,
  { above, clear = Math.max(0, above - usualGap) }: { readonly above: number; readonly clear?: number | undefined },
): Measured {
  if (share === undefined || !Number.isFinite(share)) return unknown
  const reading = share > above ? 'on' : share <= clear ? 'off' : 'between'
  return { reading, value: percent(share) }
}

export function storageShare({ state, size, used }: Storage): number | undefined {
  if (state === 'detached' || !size || used === undefined) return undefined
  return used / size
}

/** A host of a pool that is not connected is not known to be down. */
export function hostReading({ power }: Host, connection: Connection | undefined): Measured {
  if (connection && connection.state !== 'connected') return unknown
  if (power === 'unknown') return unknown
  return power === 'running' ? { reading: 'off', value: 'running' } : { reading: 'on', value: power }
}

export function connectionReading({ enabled, state, error }: Connection): Measured {
  if (!enabled) return { reading: 'off', value: state }
  // A try that goes on says nothing yet of how it ends.
  if (state === 'connecting') return unknown
  const down = state === 'waiting' || state === 'failed'
  return { reading: down ? 'on' : 'off', value: error?.message ?? state }
}

/** @param left milliseconds until the certificate ends */
export function certificateReading(left: number, days: number): Measured {
  const value = left <= 0 ? 'has expired' : `expires in ${Math.ceil(left / day)} days`
  return { reading: left < days * day ? 'on' : 'off', value }
}

export function repositoryReading({ state, error, lastCheck, damaged = 0 }: Repository): Measured {
  if (state === 'unknown') return unknown
  if (state !== 'ready') return { reading: 'on', value: error?.message ?? `it is ${state}.` }
  if (lastCheck && !lastCheck.ok) {
    return { reading: 'on', value: `the last check found ${lastCheck.findings} problems: ${lastCheck.first ?? ''}` }
  }
  if (damaged > 0) return { reading: 'on', value: `${damaged} restore points cannot be read.` }
  return { reading: 'off', value: state }
}
