import { spawn, execFile, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const execute = promisify(execFile)

/** Runs a tool to its end; its output. Rejects with what it printed when it fails. Arguments may come in groups. */
export async function run(tool: string, ...groups: readonly (string | readonly string[])[]): Promise<string> {
  const args = groups.flat()
  try {
    // File names are UTF-8, also where the machine has no locale.
    const env = { ...process.env, LC_ALL: 'C.UTF-8' }
    const { stdout } = await execute(tool, args, { maxBuffer: 64 * 1024 * 1024, env })
    return stdout
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    throw new Error(`${tool} ${args.join(' ')} failed:\n${stdout}\n${stderr}`, { cause: error })
  }
}

/** A folder that is removed at the end. */
export async function temporaryFolder(): Promise<
  AsyncDisposable & { readonly path: string; file(name: string): string }
> {
  const path = await mkdtemp(join(tmpdir(), 'nixen-disk-'))
  return {
    path,
    file: (name) => join(path, name),
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  }
}

/** A server that listens on a unix socket, and ends with the test. */
export interface Daemon extends AsyncDisposable {
  readonly process: ChildProcess
  /** Ends it at once, as a crash does. */
  kill(): Promise<void>
}

/** Starts a server and waits until its socket takes connections; the file alone is there a moment earlier. */
export async function startDaemon(socketPath: string, tool: string, ...args: readonly string[]): Promise<Daemon> {
  const child = spawn(tool, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let output = ''
  child.stderr?.on('data', (bytes: Buffer) => (output += bytes.toString()))
  const ended = once(child, 'exit')
  for (let tries = 0; !(await answers(socketPath)); tries++) {
    if (child.exitCode !== null || tries > 2000) {
      child.kill('SIGKILL')
      throw new Error(`${tool} did not start: ${output}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  const kill = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    await ended
  }
  return { process: child, kill, [Symbol.asyncDispose]: kill }
}

function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(socketPath, () => {
      probe.destroy()
      resolve(true)
    })
    probe.once('error', () => resolve(false))
  })
}
