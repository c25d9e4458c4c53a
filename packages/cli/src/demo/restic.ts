import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { messageOf, systemCode } from '@nixen/core'
import { demoErrors } from './errors.ts'
import type { RepositoryPlace } from './stage.ts'

const run = promisify(execFile)

/** The command that reads the repository without Nixen. */
export function resticCommand({ path, passwordFile }: RepositoryPlace, verb: string): string {
  return `restic -r ${path} --password-file ${passwordFile} ${verb}`
}

/** The version of restic on this machine; `undefined` when there is none. */
export async function resticVersion(signal: AbortSignal): Promise<string | undefined> {
  try {
    const { stdout } = await run('restic', ['version'], { signal })
    return /^restic (\S+)/.exec(stdout)?.[1] ?? 'of an unknown version'
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    signal.throwIfAborted()
    throw demoErrors.restic({ reason: messageOf(error) }, { cause: error })
  }
}

/** Has restic read and verify the whole repository. Error: `cli.demo_restic`. */
export async function resticCheck({ path, passwordFile }: RepositoryPlace, signal: AbortSignal): Promise<void> {
  const args = ['-r', path, '--password-file', passwordFile, '--no-cache', 'check', '--read-data']
  try {
    await run('restic', args, { signal })
  } catch (error) {
    signal.throwIfAborted()
    throw demoErrors.restic({ reason: messageOf(error) }, { cause: error })
  }
}
