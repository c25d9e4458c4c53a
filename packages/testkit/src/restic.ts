import { execFile } from 'node:child_process'

export interface ResticResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/**
 * Runs Debian's restic on the repository in `directory`. Never throws for what restic says: look at `code`.
 *
 * @param args as on the command line, without `-r`
 */
export function restic(
  directory: string,
  args: readonly string[],
  { password = 'test', environment = {} }: { password?: string; environment?: Readonly<Record<string, string>> } = {},
): Promise<ResticResult> {
  return new Promise((resolve, reject) => {
    execFile(
      'restic',
      ['-r', directory, '--no-cache', ...args],
      { env: { ...process.env, ...environment, RESTIC_PASSWORD: password, TZ: 'UTC' }, maxBuffer: 256 * 1024 * 1024 },
      (error, stdout, stderr) => {
        if (error && typeof error.code !== 'number') reject(error)
        else resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr })
      },
    )
  })
}
