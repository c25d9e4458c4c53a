// Loaded into the server before its own code: answers the benchmark's questions about the process, and nothing else.
import { setTimeout } from 'node:timers/promises'

/** What the process has used so far, and holds after a collection. */
export interface Probe {
  /** User and system time of all threads, seconds. */
  readonly cpu: number
  /** Heap in use and external memory, bytes. */
  readonly retained: number
}

process.on('message', (question: 'cpu' | 'memory') => void answer(question))
// The server ends when it has nothing to do; this channel is nothing to do.
process.channel?.unref()

async function answer(question: 'cpu' | 'memory'): Promise<void> {
  const { user, system } = process.cpuUsage()
  if (question === 'memory') {
    for (let i = 0; i < 4; i++) {
      globalThis.gc?.()
      await setTimeout(50)
    }
  }
  const { heapUsed, external } = process.memoryUsage()
  process.send?.({ cpu: (user + system) / 1e6, retained: heapUsed + external } satisfies Probe)
}
