import type { Clock } from '@nixen/core'

export interface KeepaliveOptions {
  /** Milliseconds of silence after which the daemon is asked. */
  readonly interval: number
  /** Questions without an answer after which it counts as gone. */
  readonly count: number
}

export interface KeepalivePorts {
  readonly ping: () => void
  /** Milliseconds without a sign of life. */
  readonly onSilence: (ms: number) => void
}

/** Notices that the other end is gone, also when nothing says so. */
export class Keepalive {
  readonly #clock: Clock
  readonly #options: KeepaliveOptions
  readonly #ports: KeepalivePorts
  readonly #stop = new AbortController()
  #heardAt: number
  #isPaused = false
  #asked = 0

  constructor(clock: Clock, options: KeepaliveOptions, ports: KeepalivePorts) {
    this.#clock = clock
    this.#options = options
    this.#ports = ports
    this.#heardAt = clock.monotonic()
    void this.#run()
  }

  /** Something came. */
  heard(): void {
    this.#heardAt = this.#clock.monotonic()
    this.#isPaused = false
    this.#asked = 0
  }

  /** Nothing is read for now, so nothing can be heard. */
  pause(): void {
    this.#isPaused = true
  }

  stop(): void {
    this.#stop.abort()
  }

  async #run(): Promise<void> {
    const { interval, count } = this.#options
    const { signal } = this.#stop
    for (;;) {
      try {
        await this.#clock.sleep(interval, { signal })
      } catch {
        return
      }
      const silence = this.#clock.monotonic() - this.#heardAt
      if (this.#isPaused || silence < interval) continue
      if (this.#asked >= count) return this.#ports.onSilence(silence)
      this.#asked++
      this.#ports.ping()
    }
  }
}
