import type { JobId, VmProtection } from '@nixen/api'

/** A due backup may take so long, in milliseconds, before its VM counts as late; where backups are more frequent, until the next is due. */
const longestGrace = 12 * 3600 * 1000

/** What one job does for one VM. */
export interface Cover {
  readonly job: JobId
  /** When the job was made: nothing was due before. */
  readonly since: number
  /** The first time after `after` at which the job is due; `undefined` when it never is. */
  readonly dueAfter: (after: number) => number | undefined
  /** Its last backup of this VM failed. */
  readonly failed: boolean
  /** When the newest restore point of this VM that this job made was taken. */
  readonly newest: number | undefined
}

/** Nobody looks after the VM, and there is nothing to restore. All such VMs share it. */
export const unprotected: VmProtection = Object.freeze<VmProtection>({ state: 'unprotected' })

const urgency: Readonly<Record<VmProtection['state'], number>> = { failing: 0, late: 1, unprotected: 2, protected: 3 }

/**
 * The state of a VM from the jobs that include it. The worst counts: who has two jobs wants both. `newest` is the time of its newest restore
 * point of any origin.
 */
export function protectionOf(covers: readonly Cover[], newest: number | undefined, now: number): VmProtection {
  const [worst] = covers
    .map((cover) => ({ job: cover.job, state: stateOf(cover, now) }))
    .toSorted((a, b) => urgency[a.state] - urgency[b.state])
  if (!worst) return newest === undefined ? unprotected : { state: 'unprotected', newest }
  return { ...worst, ...(newest === undefined ? {} : { newest }) }
}

function stateOf({ failed, newest, since, dueAfter }: Cover, now: number): VmProtection['state'] {
  if (failed) return 'failing'
  const due = dueAfter(newest ?? since)
  const following = due === undefined ? undefined : dueAfter(due)
  const grace = due === undefined || following === undefined ? longestGrace : Math.min(longestGrace, following - due)
  if (due !== undefined && now > due + grace) return 'late'
  // Before the first run there is nothing to restore, whatever is planned.
  return newest === undefined ? 'unprotected' : 'protected'
}
