import { isRecord, type Clock } from '@nixen/core'
import { isLibvirtError, type Domain, type Libvirt } from '@nixen/libvirt'
import { demoErrors } from '../errors.ts'

/** Milliseconds between two questions to the agent: it must not be flooded before it is there. */
const pace = 300

/** Runs commands in a guest through its QEMU agent. */
export class GuestShell {
  readonly #libvirt: Libvirt
  readonly #dom: Domain
  readonly #clock: Clock
  readonly #signal: AbortSignal

  constructor({ libvirt, dom, clock, signal }: { libvirt: Libvirt; dom: Domain; clock: Clock; signal: AbortSignal }) {
    this.#libvirt = libvirt
    this.#dom = dom
    this.#clock = clock
    this.#signal = signal
  }

  /** Waits until the agent answers. Error: `demo.late` after five minutes. */
  async ready(): Promise<void> {
    const end = this.#clock.monotonic() + 300_000
    for (;;) {
      const answer = await this.#ask({ execute: 'guest-ping' }).catch((error: unknown) => {
        if (isLibvirtError(error)) return undefined
        throw error
      })
      if (answer !== undefined) return
      if (this.#clock.monotonic() > end) throw demoErrors.late({ what: 'the agent of the guest' })
      await this.#clock.sleep(pace, { signal: this.#signal })
    }
  }

  /** Runs a script by the guest's shell and gives what it wrote. Error: `demo.guest` when it fails. */
  async run(script: string): Promise<string> {
    const args = { path: '/bin/busybox', arg: ['sh', '-c', script], 'capture-output': true }
    const started = await this.#ask({ execute: 'guest-exec', arguments: args })
    const pid = isRecord(started) ? started['pid'] : undefined
    for (;;) {
      const status = await this.#ask({ execute: 'guest-exec-status', arguments: { pid } })
      if (!isRecord(status)) throw demoErrors.guest({ reason: 'its agent answers with nothing' })
      if (status['exited'] === true) return outcome(status)
      await this.#clock.sleep(pace, { signal: this.#signal })
    }
  }

  async #ask(command: object): Promise<unknown> {
    this.#signal.throwIfAborted()
    const cmd = JSON.stringify(command)
    const { result } = await this.#libvirt.call.qemuDomainAgentCommand({ dom: this.#dom, cmd, timeout: 10 })
    const answer: unknown = JSON.parse(result ?? '{}')
    return isRecord(answer) ? answer['return'] : undefined
  }
}

function outcome(status: Readonly<Record<string, unknown>>): string {
  const text = (key: string): string => {
    const data = status[key]
    return typeof data === 'string' ? Buffer.from(data, 'base64').toString('utf8') : ''
  }
  if (status['exitcode'] === 0) return text('out-data')
  throw demoErrors.guest({ reason: text('err-data').trim() || text('out-data').trim() || 'it did not say why' })
}
