import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'

/** Ticks of the kernel's accounting in a second (`getconf CLK_TCK`), the same on every Linux that Node runs on. */
const ticks = 100

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    // The process has ended.
    return ''
  }
}

/** Processes that a process has started and that live. */
export function childrenOf(pid: number): number[] {
  let tasks: string[] = []
  try {
    tasks = readdirSync(`/proc/${pid}/task`)
  } catch {
    return []
  }
  return tasks.flatMap((task) => read(`/proc/${pid}/task/${task}/children`).split(' ').filter(Boolean).map(Number))
}

/** CPU seconds of a process, its threads, its children that live and those that have ended (proc_pid_stat(5), fields 14 to 17). */
export function cpuOf(pid: number): number {
  const stat = read(`/proc/${pid}/stat`)
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const own = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0) / ticks
  return childrenOf(pid).reduce((sum, child) => sum + cpuOf(child), own)
}

/** Resident memory now, bytes. */
function rssOf(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) * 1024
}

/** Looks at the memory of a process and of each child until it is stopped. */
export class MemoryWatch implements AsyncDisposable {
  readonly #stop = new AbortController()
  readonly #loop: Promise<void>
  own = 0
  /** Of the largest child. */
  child = 0

  constructor(pid: number) {
    this.#loop = this.#watch(pid)
  }

  async #watch(pid: number): Promise<void> {
    while (!this.#stop.signal.aborted) {
      this.own = Math.max(this.own, rssOf(pid))
      for (const child of childrenOf(pid)) this.child = Math.max(this.child, rssOf(child))
      await setTimeout(100, undefined, { signal: this.#stop.signal }).catch(() => undefined)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#loop
  }
}
