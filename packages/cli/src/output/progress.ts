import { formatBytes, formatDuration, formatRate, type Clock } from '@nixen/core'
import type { TextStream } from '../context.ts'

/** How far an operation is. `total` is absent while it is not known. */
export interface Progress {
  readonly done: number
  readonly total?: number | undefined
  /** What is being done now, a few words. */
  readonly phase?: string | undefined
  /** What is counted; bytes when left out. `percent` is a share of which nothing else is known. */
  readonly unit?: 'bytes' | 'items' | 'percent' | undefined
}

/** Shows progress as it comes. `end` leaves the terminal as it was found. */
export interface ProgressView {
  update(progress: Progress): void
  end(): void
}

export interface ProgressOptions {
  readonly clock: Clock
  readonly stderr: TextStream
  /** JSON lines on stderr instead of a bar. */
  readonly json: boolean
}

/** A bar on a terminal, JSON lines with `json`, and otherwise a line of text every ten seconds. */
export function progressView({ clock, stderr, json }: ProgressOptions): ProgressView {
  if (json) {
    return throttled(clock, {
      every: 500,
      last: true,
      show: (state) => stderr.write(`${JSON.stringify(toRecord(state))}\n`),
    })
  }
  if (!stderr.isTTY) {
    // What is done within ten seconds needs no line; the result follows anyway.
    return throttled(clock, { every: 10_000, last: false, show: (state) => stderr.write(`${formatLine(state)}\n`) })
  }
  return throttled(clock, {
    every: 100,
    last: true,
    show: (state) => stderr.write(`\r\u001B[K${formatBar(state, (stderr.columns ?? 80) - 1)}`),
    clear: () => stderr.write('\r\u001B[K'),
  })
}

interface Throttle {
  /** Shortest time between two, in milliseconds. */
  readonly every: number
  /** Whether the end is shown however soon it comes. */
  readonly last: boolean
  readonly show: (state: State) => void
  readonly clear?: () => void
}

interface State extends Progress {
  /** Bytes a second since the start, and milliseconds that are left at that rate. */
  readonly rate: number
  readonly eta: number | undefined
}

function throttled(clock: Clock, { every, last, show, clear }: Throttle): ProgressView {
  const start = clock.monotonic()
  let shown = start
  return {
    update(progress) {
      const now = clock.monotonic()
      const isLast = last && progress.total !== undefined && progress.done >= progress.total
      if (now - shown < every && !isLast) return
      shown = now
      const rate = (progress.done / Math.max(1, now - start)) * 1000
      const left = progress.total === undefined ? undefined : progress.total - progress.done
      show({ ...progress, rate, eta: left === undefined || rate === 0 ? undefined : (left / rate) * 1000 })
    },
    end: () => clear?.(),
  }
}

function toRecord({ done, total, phase, unit = 'bytes', rate, eta }: State): Record<string, unknown> {
  return { type: 'progress', phase, unit, done, total, perSecond: Math.round(rate), etaMs: eta && Math.round(eta) }
}

/** One line without control characters. */
export function formatLine({ done, total, phase, unit = 'bytes', rate, eta }: State): string {
  const left = eta === undefined || done === total ? undefined : `${formatDuration(eta)} left`
  const parts =
    unit === 'percent'
      ? [phase, `${done}%`, left]
      : unit === 'items'
        ? [phase, total === undefined ? String(done) : `${done} of ${total}`, left]
        : [
            phase,
            total === undefined ? formatBytes(done) : `${percent(done, total)}% of ${formatBytes(total)}`,
            formatRate(rate),
            left,
          ]
  return parts.filter((part) => part !== undefined).join(', ')
}

/** The same with a bar in front, in at most `width` characters. */
export function formatBar(state: State, width: number): string {
  const line = formatLine(state)
  const room = Math.min(30, width - line.length - 3)
  if (state.total === undefined || room < 5) return line.slice(0, width)
  const full = Math.round((Math.min(state.done, state.total) / Math.max(1, state.total)) * room)
  return `[${'#'.repeat(full)}${'-'.repeat(room - full)}] ${line}`
}

function percent(done: number, total: number): number {
  return total === 0 ? 100 : Math.floor((done / total) * 100)
}
