import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Environment } from './profiles.ts'

/** `--state`, `NIXEN_STATE_DIR`, systemd's `STATE_DIRECTORY`, or the place of the XDG base directory specification. */
export function stateDirectory(environment: Environment, state?: string): string {
  const home = environment['XDG_STATE_HOME'] || join(environment['HOME'] ?? homedir(), '.local/state')
  return state ?? environment['NIXEN_STATE_DIR'] ?? environment['STATE_DIRECTORY'] ?? join(home, 'nixen')
}

/** The server's local socket in its state directory (`localSocketOf` of the server, which takes long to load). */
export function localSocket(stateDir: string): string {
  return join(stateDir, 'run', 'socket')
}
