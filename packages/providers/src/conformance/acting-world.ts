import assert from 'node:assert/strict'
import type { ConnectionId, InventoryObjects, ResourceId, ResourceType } from '@nixen/api'
import type { ActionResult, ActionTask, ProviderActions, UndoStep } from '../action/actions.ts'
import type { ProviderSession } from '../provider.ts'
import { Reader } from './reader.ts'
import type { ActingTarget } from './acting-target.ts'

/** A task in memory: does with steps what the server's tasks do. */
export class MemoryTask implements ActionTask {
  readonly #abort = new AbortController()
  readonly #sessions: ReadonlyMap<ConnectionId, ProviderSession>
  readonly steps: UndoStep[] = []
  readonly lines: string[] = []
  /** Told of each step of the progress. */
  onProgress: () => void = () => undefined

  constructor(sessions: ReadonlyMap<ConnectionId, ProviderSession>) {
    this.#sessions = sessions
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  cancel(): void {
    this.#abort.abort(new Error('somebody cancelled'))
  }

  progress(): void {
    this.onProgress()
  }

  bytes(): void {
    this.onProgress()
  }

  log(line: string): void {
    this.lines.push(line)
  }

  undo(step: UndoStep) {
    this.signal.throwIfAborted()
    let mine = step
    this.steps.push(mine)
    const at = (): number => this.steps.indexOf(mine)
    return Promise.resolve({
      update: (data: UndoStep['data']) => {
        // A step that was forgotten stays forgotten.
        if (at() >= 0) this.steps[at()] = mine = { ...step, data }
        return Promise.resolve()
      },
      forget: () => {
        if (at() >= 0) this.steps.splice(at(), 1)
        return Promise.resolve()
      },
    })
  }

  session(connection: ConnectionId): ProviderSession {
    const session = this.#sessions.get(connection)
    assert.ok(session, `there is no session of ${connection}`)
    return session
  }
}

/** What a case of the acting part works with: two pools, read as an inventory reads them. */
export class ActingWorld implements AsyncDisposable {
  readonly target: ActingTarget
  readonly reader: Reader
  readonly other: Reader

  private constructor(target: ActingTarget) {
    this.target = target
    this.reader = new Reader({ provider: target.provider, spec: target.first.spec })
    this.other = new Reader({ provider: target.provider, spec: target.second.spec })
  }

  static async open(target: ActingTarget): Promise<ActingWorld> {
    const world = new ActingWorld(target)
    await world.reader.until(() => world.reader.synced > 0)
    await world.other.until(() => world.other.synced > 0)
    return world
  }

  get session(): ProviderSession {
    return this.reader.keeper.session
  }

  get actions(): ProviderActions {
    return this.session.actions
  }

  task(): MemoryTask {
    const { first, second } = this.target
    return new MemoryTask(
      new Map([
        [first.spec.id, this.session],
        [second.spec.id, this.other.keeper.session],
      ]),
    )
  }

  /** Runs an action as the server does: what it wrote down is undone when it fails, the last step first. */
  async run(
    work: (task: MemoryTask) => Promise<ActionResult | undefined | void>,
    task: MemoryTask = this.task(),
  ): Promise<ActionResult> {
    try {
      return (await work(task)) ?? {}
    } catch (error) {
      for (const step of task.steps.toReversed()) await this.session.undo(step)
      throw error
    }
  }

  all<T extends ResourceType>(type: T, of: Reader = this.reader): readonly InventoryObjects[T][] {
    const found = [...of.objects.values()].filter(({ id }) => id.startsWith(`${type}.`))
    // The ids say the type.
    return found as unknown as readonly InventoryObjects[T][]
  }

  one<T extends ResourceType>(
    type: T,
    wanted: (object: InventoryObjects[T]) => boolean = () => true,
    of: Reader = this.reader,
  ): InventoryObjects[T] {
    const found = this.all(type, of).find(wanted)
    assert.ok(found, `the target has no such ${type}`)
    return found
  }

  /** Waits until an object of the inventory is as it has to be. */
  async sees<T extends ResourceType>(
    id: ResourceId<T> | undefined,
    wanted: (object: InventoryObjects[T]) => boolean,
    what: string,
  ): Promise<InventoryObjects[T]> {
    assert.ok(id, `nothing was made: ${what}`)
    // Objects of an id have its type.
    const now = (): InventoryObjects[T] | undefined =>
      (this.reader.objects.get(id) ?? this.other.objects.get(id)) as InventoryObjects[T] | undefined
    await this.reader.until(
      () => {
        const object = now()
        return object !== undefined && wanted(object)
      },
      { what: `${what} (${id}: ${JSON.stringify(now())?.slice(0, 600)})`, within: 10_000 },
    )
    const object = now()
    assert.ok(object)
    return object
  }

  async gone(id: ResourceId): Promise<void> {
    await this.reader.until(() => !this.reader.objects.has(id), { what: `the end of ${id}` })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.reader[Symbol.asyncDispose]()
    await this.other[Symbol.asyncDispose]()
  }
}

/** Fields that may differ between two moments at which nothing was done. */
const restless: ReadonlySet<string> = new Set([
  'used',
  'allocated',
  'memoryUsed',
  'busy',
  'started',
  'ips',
  'agent',
  'os',
])

/** As JSON, without the provider's own names of attachments: one that is taken off and put back gets another. */
const text = (fields: object): string =>
  JSON.stringify(fields, (key, value: unknown) => (key === 'key' ? undefined : value))

/** What both pools have, without what changes by itself. */
export async function stateOf(
  { first, second }: ActingTarget,
  ignore: readonly string[] = [],
): Promise<Map<string, string>> {
  const state = new Map<string, string>()
  for (const endpoint of [first, second]) {
    for (const [id, fields] of await endpoint.truth()) {
      if (/^(task|alarm)\./.test(id)) continue
      const kept = Object.entries(fields).filter(([key]) => !restless.has(key) && !ignore.includes(key))
      state.set(id, text(Object.fromEntries(kept.toSorted(([a], [b]) => (a < b ? -1 : 1)))))
    }
  }
  return state
}

/** Sentences on what differs between two states. */
export function changesBetween(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): string[] {
  const found: string[] = []
  for (const [id, fields] of after) {
    const old = before.get(id)
    if (old === undefined) found.push(`${id} is new: ${fields}`)
    else if (old !== fields) found.push(`${id} was ${old} and is ${fields}`)
  }
  for (const id of before.keys()) if (!after.has(id)) found.push(`${id} is gone`)
  return found
}

/** The state when it does not change any more: what a failed call began may take a moment to end. */
export async function settled(target: ActingTarget, ignore: readonly string[] = []): Promise<Map<string, string>> {
  let last = await stateOf(target, ignore)
  for (let i = 0; i < 50; i++) {
    const now = await stateOf(target, ignore)
    if (changesBetween(last, now).length === 0) return now
    last = now
  }
  return last
}
