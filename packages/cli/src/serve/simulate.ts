import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Client, Connection } from '@nixen/api'
import { startToolstack, type Toolstack } from '@nixen/toolstack'

/** Name of the connection of the simulated pool. */
const connectionName = 'Simulated pool'
/** Password of the simulated pool: it listens on loopback only, and everybody knows it. */
const password = 'nixen'

/** A simulated pool that is connected. Disposing of it stops it and keeps its state. */
export interface Simulated extends AsyncDisposable {
  readonly toolstack: Toolstack
  readonly connection: Connection
}

/** Starts a pool of simulated hosts that keeps its state in `stateDir`, and connects the server behind `client` to it. */
export async function simulate(client: Client, stateDir: string): Promise<Simulated> {
  const dataDir = join(stateDir, 'simulated')
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  await using parts = new AsyncDisposableStack()
  const toolstack = parts.use(await startToolstack({ hosts: 3, vms: 40, port: 0, dataDir }))
  const connection = await connect(client, toolstack)
  const running = parts.move()
  return { toolstack, connection, [Symbol.asyncDispose]: async () => await running.disposeAsync() }
}

/** The port is another one each time, so a connection of an earlier start is changed. */
async function connect(client: Client, { url: address, fingerprint }: Toolstack): Promise<Connection> {
  const { items } = await client.connection.list({ q: `name:="${connectionName}"` })
  const [known] = items
  const target = { address, username: 'root', password, ...(fingerprint === undefined ? {} : { fingerprint }) }
  if (known) return await client.connection.update({ id: known.id, ...target, enabled: true })
  return await client.connection.add({ kind: 'xapi', name: connectionName, ...target })
}
