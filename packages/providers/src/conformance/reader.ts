import type { ResourceId } from '@nixen/api'
import { silentLog, systemClock, systemRandom } from '@nixen/core'
import { ConnectionKeeper, type ConnectionStatus } from '../keeper.ts'
import type { ConnectionSpec, Provider, ProviderPorts } from '../provider.ts'
import { equal } from '../stable.ts'
import type { AnyObject, ConformanceTarget, Objects } from './target.ts'

export const ports: ProviderPorts = { clock: systemClock, random: systemRandom, log: silentLog }

/** Keeps a connection and what it tells, as an inventory does; checks the rules of the stream on the way. */
export class Reader implements AsyncDisposable {
  readonly objects = new Map<ResourceId, AnyObject>()
  readonly states: ConnectionStatus[] = []
  readonly keeper: ConnectionKeeper
  /** What the stream did that it must not do. */
  readonly violations: string[] = []
  synced = 0
  resets = 0
  upserts = 0
  #error: unknown
  readonly #done: Promise<void>

  constructor({ provider, spec }: { provider: Provider; spec: ConnectionSpec }) {
    this.keeper = new ConnectionKeeper({ provider, spec, ports, onStatus: (status) => this.states.push(status) })
    this.#done = this.#read()
  }

  get state(): string {
    return this.keeper.status.state
  }

  async #read(): Promise<void> {
    try {
      for await (const change of this.keeper.changes()) {
        if (change.kind === 'reset') this.resets++
        if (change.kind === 'synced') this.synced++
        if (change.kind !== 'changes') continue
        for (const item of change.changes) {
          if (item.kind === 'remove') {
            if (!this.objects.delete(item.id)) this.violations.push(`${item.id} removed but never told`)
            continue
          }
          this.upserts++
          const old = this.objects.get(item.id)
          if (old && equal(old, item.object)) this.violations.push(`${item.id} told without a change`)
          if (item.object.id !== item.id) this.violations.push(`${item.id} told with the id ${item.object.id}`)
          this.objects.set(item.id, item.object)
        }
      }
    } catch (error) {
      this.#error = error
    }
  }

  /** Waits for a state. `within` is counted by pauses, not by the clock: while this process stands still for others, so does what it waits for. */
  async until(wanted: () => boolean, { within = 5000, what = 'the state' } = {}): Promise<void> {
    for (let waited = 0; !wanted(); waited += 10) {
      if (this.#error !== undefined) throw new Error('the reader failed', { cause: this.#error })
      if (waited > within) {
        throw new Error(`${what} did not come within ${within} ms; now ${JSON.stringify(this.keeper.status)}`)
      }
      await systemClock.sleep(10)
    }
  }

  /** Waits until the inventory is the daemon's, field by field; throws with the first differences otherwise. */
  async untilTrue(target: ConformanceTarget, within = 5000): Promise<void> {
    for (let waited = 0; ; waited += 50) {
      const moves = (id: string, field: string): boolean => target.moves?.(id, field) ?? false
      const found = differences(this.objects, await target.truth(), moves)
      if (found.length === 0) break
      if (waited > within) throw new Error(`The inventory differs: ${found.slice(0, 12).join('\n')}`)
      await systemClock.sleep(50)
    }
    if (this.violations.length > 0) throw new Error(this.violations.slice(0, 5).join('\n'))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.keeper[Symbol.asyncDispose]()
    await this.#done
  }
}

/** Sentences on each field that differs. */
export function differences(
  objects: Objects,
  truth: ReadonlyMap<string, Readonly<Record<string, unknown>>>,
  moves: (id: string, field: string) => boolean = () => false,
): string[] {
  const found: string[] = []
  for (const [id, wanted] of truth) {
    // Ids are text in the truth.
    const object = objects.get(id as ResourceId) as Readonly<Record<string, unknown>> | undefined
    if (!object) found.push(`${id} is missing`)
    else
      for (const key of new Set([...Object.keys(wanted), ...Object.keys(object)])) {
        if (!equal(object[key], wanted[key]) && !moves(id, key))
          found.push(`${id} ${key}: ${text(object[key])}, should be ${text(wanted[key])}`)
      }
  }
  for (const id of objects.keys()) if (!truth.has(id)) found.push(`${id} should not be there`)
  return found
}

const text = (value: unknown): string => (JSON.stringify(value) ?? 'absent').slice(0, 300)
