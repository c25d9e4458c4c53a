import type { Clock, Log } from '@nixen/core'
import type { FastifyInstance } from 'fastify'
import type { SetUp } from '../auth/setup.ts'
import type { LiveConfig } from '../config/live.ts'
import type { Db } from '../db/tables.ts'
import type { Vault } from '../keys/master-key.ts'
import type { LocalSockets } from '../local/local-door.ts'
import type { ServerOptions } from '../main.ts'

/** What every part of the server may use. Each file in this folder makes the parts of one area out of it. */
export interface Base {
  readonly app: FastifyInstance
  readonly db: Db
  readonly vault: Vault
  readonly config: LiveConfig
  readonly clock: Clock
  readonly log: Log
  readonly options: ServerOptions
  readonly setUp: SetUp
  /** Disposed of in the reverse of the order in which parts are added. */
  readonly parts: AsyncDisposableStack
  readonly stopping: AbortSignal
  readonly localSockets: LocalSockets
}
