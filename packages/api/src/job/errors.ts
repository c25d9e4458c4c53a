import { formatDuration } from '@nixen/core'
import { errorArea } from '../errors/area.ts'

/** Errors about jobs and runs. */
export const jobArea = errorArea('job', {
  not_found: {
    status: 404,
    text: (p: { id: string }) => `There is no job ${p.id}, or you may not see it.`,
    example: { id: 'b7m2x9q4k1zd' },
  },
  no_run: {
    status: 404,
    text: (p: { id: string }) => `There is no run ${p.id}, or you may not see it.`,
    example: { id: 'b7m2x9q4k1zd' },
  },
  bad_schedule: {
    status: 422,
    text: (p: { schedule: string; reason: string }) => `The schedule ${p.schedule} cannot be: ${p.reason}`,
    example: { schedule: 'nightly', reason: 'minute 70 is out of range.' },
  },
  running: {
    status: 409,
    text: (p: { name: string; task: string }) =>
      `${p.name} runs already. Wait, or cancel it with "nixen task cancel ${p.task}".`,
    example: { name: 'Every night', task: 'task.nixen.b7m2x9q4k1zd' },
  },
  nothing_selected: {
    status: 409,
    text: (p: { name: string }) =>
      `${p.name} has nothing to do: its selection finds no object that its owner may see. See "nixen job preview".`,
    example: { name: 'Every night' },
  },
  owner_gone: {
    status: 409,
    text: (p: { name: string }) =>
      `The user that ${p.name} belongs to is gone or disabled, so it may do nothing. Save the job again as somebody else.`,
    example: { name: 'Every night' },
  },
  unsupported: {
    status: 422,
    text: (p: { kind: string; reason: string }) => `A job of the kind "${p.kind}" cannot be: ${p.reason}`,
    example: { kind: 'action', reason: 'vm.create makes something, and is not done with an object.' },
  },
  timed_out: {
    status: 504,
    retryable: true,
    text: (p: { after: number }) =>
      `It took longer than ${formatDuration(p.after)}, the time-out of the job, and was given up; what was begun is taken back. Give it more time (limits.timeout), or see what was slow in the log of its task.`,
    example: { after: 86_400_000 },
  },
  failed: {
    status: 409,
    text: (p: { failed: number; of: number; first: string }) =>
      `${p.failed} of ${p.of} failed. The first one: ${p.first}`,
    example: { failed: 1, of: 20, first: 'web-01: the storage is full.' },
  },
})
export const jobErrors = jobArea.make
