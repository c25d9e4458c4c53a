import { monitorEventLoopDelay } from 'node:perf_hooks'

/** What one client process reports. */
export interface Measurement {
  /** From the call to connect until every object is in memory. */
  readonly seconds: number
  /** User and system time of the process over the same span. */
  readonly cpuSeconds: number
  /** Growth of heap and external memory that is still there after a collection, in bytes. */
  readonly retainedBytes: number
  /** Longest time that the event loop did not turn, in milliseconds. */
  readonly longestBlock: number
  readonly objects: number
}

/** Measures `load` in this process, which should do nothing else, and prints the result as a line of JSON. */
export async function measure(
  load: () => Promise<{ readonly objects: number; readonly hold: unknown }>,
): Promise<void> {
  const before = await retained()
  // The sampling timer is late by what blocked it; its own interval is taken off.
  const resolution = 1
  const delay = monitorEventLoopDelay({ resolution })
  delay.enable()
  const cpu = process.cpuUsage()
  const started = performance.now()
  const { objects, hold } = await load()
  const seconds = (performance.now() - started) / 1000
  const { user, system } = process.cpuUsage(cpu)
  delay.disable()
  const after = await retained()
  const measurement: Measurement = {
    seconds,
    cpuSeconds: (user + system) / 1e6,
    retainedBytes: after - before,
    longestBlock: Math.max(0, delay.max / 1e6 - resolution),
    objects,
  }
  process.stdout.write(`${JSON.stringify(measurement)}\n`)
  keep(hold)
}

async function retained(): Promise<number> {
  const { gc } = globalThis
  if (!gc) throw new Error('start with --expose-gc')
  for (let i = 0; i < 4; i++) {
    gc()
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** Keeps a value alive up to here. */
function keep(value: unknown): void {
  if (value === undefined) throw new Error('nothing was loaded')
}
