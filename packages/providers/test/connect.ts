import { ConnectionId } from '@nixen/api'
import { silentLog, systemClock, systemRandom } from '@nixen/core'
import { startToolstack, type Toolstack, type ToolstackOptions } from '@nixen/toolstack'
import type { ConnectionSpec, ProviderPorts } from '../src/index.ts'

export const ports: ProviderPorts = { clock: systemClock, random: systemRandom, log: silentLog }

/** A toolstack that answers at once, in memory, over TLS. */
export function quickToolstack(options: ToolstackOptions = {}): Promise<Toolstack> {
  // Started again on its port, it would take the usual one for NBD, which another test may have.
  return startToolstack({ waits: false, loginDelay: false, conflictWait: 300, seed: 7, nbdPort: 0, ...options })
}

/** How the first pool of a toolstack is reached. */
export function specOf(toolstack: Toolstack, more: Partial<ConnectionSpec> = {}): ConnectionSpec {
  const { url, fingerprint } = toolstack
  const id = ConnectionId.parse('test')
  return { id, kind: 'xapi', address: url, username: 'root', password: 'nixen', fingerprint, ...more }
}

/** How a host at `address` is reached that knows the password of the scripted server. */
export function specAt(address: string, more: Partial<ConnectionSpec> = {}): ConnectionSpec {
  return { id: ConnectionId.parse('test'), kind: 'xapi', address, username: 'root', password: 'secret', ...more }
}
