import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'

/** What one run of a program took. */
export interface Measured {
  readonly wallSeconds: number
  /** User and system time of the process, all its threads and all its children. */
  readonly cpuSeconds: number
  readonly stdout: string
}

/**
 * Runs a program to its end under bash's `time`, which counts threads and children. With `sync`, what it wrote under that path is made durable within the
 * measured time. The page cache is dropped before, where that is allowed.
 */
export async function measure(
  command: readonly string[],
  { env = {}, sync }: { env?: Readonly<Record<string, string>>; sync?: string } = {},
): Promise<Measured> {
  await dropCaches()
  const script = sync === undefined ? '"$@"' : '"$@" && sync -f "$SYNC_PATH"'
  const child = spawn('bash', ['-c', `TIMEFORMAT='@@ %R %U %S'; time { ${script}; }`, 'bash', ...command], {
    env: { ...process.env, ...env, ...(sync === undefined ? {} : { SYNC_PATH: sync }) },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)]
  const [code] = (await once(child, 'close')) as [number | null]
  const errors = await stderr
  const times = /@@ ([\d.]+) ([\d.]+) ([\d.]+)/.exec(errors)
  if (code !== 0 || !times) throw new Error(`${command.join(' ')} ended with ${code}: ${errors}`)
  const [wallSeconds = 0, user = 0, system = 0] = times.slice(1).map(Number)
  return { wallSeconds, cpuSeconds: user + system, stdout: await stdout }
}

/** So that both sides begin with a cold cache. Only root may; otherwise both begin with what is there. */
async function dropCaches(): Promise<void> {
  await writeFile('/proc/sys/vm/drop_caches', '3').catch(() => undefined)
}

async function collect(stream: AsyncIterable<Buffer>): Promise<string> {
  let text = ''
  for await (const part of stream) text += part.toString()
  return text
}
