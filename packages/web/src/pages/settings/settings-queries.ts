import { queryOptions } from '@tanstack/react-query'
import { client } from '../../session/session.ts'

export const usersQuery = queryOptions({
  queryKey: ['user.list'],
  queryFn: async ({ signal }) => (await client.user.list({ limit: 1000 }, { signal })).items,
})

export const rolesQuery = queryOptions({
  queryKey: ['role.list'],
  queryFn: async ({ signal }) => (await client.role.list({}, { signal })).items,
  retry: false,
})

export const channelsQuery = queryOptions({
  queryKey: ['channel.list'],
  queryFn: async ({ signal }) => (await client.channel.list({}, { signal })).items,
  retry: false,
  refetchInterval: 15_000,
})
