import { homedir } from 'node:os'
import { join } from 'node:path'

/** `--state`, `NIXEN_STATE_DIR`, systemd's `STATE_DIRECTORY`, or the place of the XDG base directory specification. */
export function stateDirectory(
  state: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): string {
  const home = environment['XDG_STATE_HOME'] ?? join(homedir(), '.local/state')
  return state ?? environment['NIXEN_STATE_DIR'] ?? environment['STATE_DIRECTORY'] ?? join(home, 'nixen')
}
