import type { GroupHandlers } from '../../http/handler.ts'
import type { Jobs } from '../../jobs/jobs.ts'
import { sentenceOf } from './sentence.ts'

export interface JobHandlerPorts {
  readonly jobs: Jobs
}

/** What to do regularly. */
export function jobHandlers({ jobs }: JobHandlerPorts): GroupHandlers<'job'> {
  return {
    list: async () => ({ items: [...(await jobs.list())] }),
    get: async ({ params: { id } }) => await jobs.get(id),
    async create({ input, who, info }) {
      const job = await jobs.create(input, who)
      info.note({ on: job.id, onName: job.name })
      return job
    },
    async update({ params: { id }, input, who, info }) {
      info.note({ onName: input.name })
      return await jobs.update(id, input, who)
    },
    async enable({ params: { id }, input: { enabled }, info }) {
      const job = await jobs.enable(id, enabled)
      info.note({ onName: job.name })
      return job
    },
    async remove({ params: { id }, info }) {
      info.note({ onName: (await jobs.stored(id)).name })
      await jobs.remove(id)
      return undefined
    },
    async run({ params: { id }, input: { schedule, only }, who, info }) {
      info.note({ onName: (await jobs.stored(id)).name })
      const begun = await jobs.run(id, { trigger: 'hand', schedule, only, by: who.user.id })
      info.setStatus(202)
      return begun
    },
    async preview({ input, who }) {
      const { items, next, does } = await jobs.preview(input, who)
      return { items: [...items], next, sentence: sentenceOf(input, { does, objects: items.length }) }
    },
  }
}

/** Executions of jobs. */
export function runHandlers({ jobs }: JobHandlerPorts): GroupHandlers<'run'> {
  return {
    list: async ({ input }) => ({ items: [...(await jobs.runs(input))] }),
    get: async ({ params: { id } }) => await jobs.runDetail(id),
  }
}
