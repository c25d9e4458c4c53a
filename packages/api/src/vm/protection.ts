import { z } from 'zod'
import { JobId } from '../ids/own-id.ts'
import { time, word } from '../schema/fields.ts'

/** From the one that needs somebody most to the one that needs nobody. */
export const protectionStates = ['unprotected', 'failing', 'late', 'protected'] as const

/** Whether a VM could be had again, and from when. */
export const VmProtection = z
  .strictObject({
    state: word(
      protectionStates,
      'unprotected: no backup job with a schedule includes it, or none has run yet; failing: its last backup failed; late: a restore point that was due is not there; protected: none of these.',
    ),
    newest: time('When its newest restore point was taken, by whatever job.').optional(),
    verified: time('When one of its restore points was last started and found good.').optional(),
    job: JobId.optional().meta({ description: 'The job that includes it; of several the one that needs somebody.' }),
  })
  .meta({ id: 'VmProtection', description: 'Whether a VM could be had again, and from when.' })
export type VmProtection = z.infer<typeof VmProtection>
