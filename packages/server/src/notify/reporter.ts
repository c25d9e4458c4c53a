import { messageOf, type Log } from '@nixen/core'
import type { JobPorts } from '../jobs/jobs.ts'
import type { Notifier } from './notifier.ts'
import { isReported, reportMessage } from './report.ts'

export interface ReporterPorts {
  readonly notifier: Pick<Notifier, 'send'>
  readonly log: Log
  /** Address of Nixen for people, when it is known. */
  readonly url: () => string | undefined
}

/** Tells the channels of a job what came of its runs. */
export function reporter({ notifier, log, url }: ReporterPorts): NonNullable<JobPorts['onEnded']> {
  return (job, run, items) => {
    if (job.channels.length === 0 || !isReported(job.report, run)) return
    const message = reportMessage({ job, run, items, url: url() })
    void notifier
      .send(job.channels, message)
      .catch((error: unknown) =>
        log.error('a report could not be written down', { run: run.id, error: messageOf(error) }),
      )
  }
}
