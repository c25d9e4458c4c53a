import { allEndpoints, openApiOf, type Health } from '@nixen/api'
import type { SetUp } from '../../auth/setup.ts'
import type { GroupHandlers } from '../../http/handler.ts'
import type { Inventory } from '../../inventory/inventory.ts'
import { checkHealth } from '../../http/health.ts'
import type { Db } from '../../db/tables.ts'

export interface MetaPorts {
  readonly db: Db
  readonly inventory: Inventory
  readonly setUp: SetUp
  readonly version: string
  readonly features: readonly string[]
  /** Epoch milliseconds. */
  readonly started: number
}

/** What answers here, and how it is. */
export function metaHandlers(ports: MetaPorts): GroupHandlers<'meta'> {
  const { setUp, version, features, started } = ports
  let document: Record<string, unknown> | undefined
  return {
    about: async () => ({ name: 'nixen', version, api: 'v1', features: [...features], setupRequired: setUp.open }),
    async health({ who, info }): Promise<Health> {
      const { status, checks } = await checkHealth(ports)
      if (status === 'failing') info.setStatus(503)
      // Names of connections are not for everybody.
      return { status, started: who ? started : 0, checks: who ? checks : [] }
    },
    openapi: async () => (document ??= { ...openApiOf(allEndpoints, { version }) }),
  }
}
