import { queryOptions } from '@tanstack/react-query'
import { client } from '../session/session.ts'

/** Milliseconds between two looks at what is not in the live inventory, while a page shows it. */
const pace = 5000

/** Jobs, the ones that run next first. */
export const jobsQuery = queryOptions({
  queryKey: ['job.list'],
  queryFn: async ({ signal }) => (await client.job.list({}, { signal })).items,
  refetchInterval: pace,
})

/** The newest runs of all jobs. */
export const runsQuery = queryOptions({
  queryKey: ['run.list'],
  queryFn: async ({ signal }) => (await client.run.list({ limit: 100 }, { signal })).items,
  refetchInterval: pace,
})

/** One run with what it did with each object. */
export function runQuery(id: string) {
  return queryOptions({
    queryKey: ['run.get', id],
    queryFn: async ({ signal }) => await client.run.get({ id }, { signal }),
    refetchInterval: ({ state }) => (state.data && state.data.state !== 'running' ? false : 2000),
  })
}

/** Repositories and how they stand. */
export const repositoriesQuery = queryOptions({
  queryKey: ['repository.list'],
  queryFn: async ({ signal }) => (await client.repository.list({ limit: 1000 }, { signal })).items,
  refetchInterval: pace,
})

/** The newest restore points that a query finds. */
export function pointsQuery(q: string) {
  return queryOptions({
    queryKey: ['point.list', q],
    queryFn: async ({ signal }) => await client.point.list({ limit: 500, ...(q === '' ? {} : { q }) }, { signal }),
    refetchInterval: 15_000,
    retry: false,
    // What was found before stays until the next answer is here.
    placeholderData: (before) => before,
  })
}
