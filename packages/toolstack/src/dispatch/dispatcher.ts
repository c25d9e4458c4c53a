import { XapiError } from '@nixen/xapi'
import type { Row } from '../db/row.ts'
import { fault, notImplemented } from '../errors.ts'
import type { Ref } from '../generated/rows.ts'
import type { MessageModel } from '../model/model.ts'
import type { WireType } from '../model/wire-type.ts'
import { operationOf, withOperation } from '../operations/with-operation.ts'
import { masterOf, type Pool } from '../pool/pool.ts'
import { checkRole } from '../session/roles.ts'
import type { SessionState } from '../session/sessions.ts'
import type { TaskHandle } from '../tasks/tasks.ts'
import { decodeParam } from '../wire/decode.ts'
import { xmlParts } from '../wire/xml-encode.ts'
import { errorOf, type Answer } from './answer.ts'
import type { Call } from './call.ts'
import { genericHandler } from './generic.ts'
import { CustomResult, type AnyHandler, type MethodSet } from './methods.ts'

/** A call as it comes from the wire. */
export interface CallRequest {
  /** The host that was asked. */
  readonly host: Ref<'host'>
  readonly method: string
  readonly params: readonly unknown[]
  /** Headers that tasks record. */
  readonly client?: { readonly userAgent?: string | undefined; readonly originator?: string | undefined }
  /** Aborted when the client hangs up. */
  readonly signal?: AbortSignal
}

/** How the toolstack answers a message. */
export type Coverage = 'implemented' | 'generic' | 'refused' | 'removed'

/** The longest that a timer can wait, in milliseconds. */
const longest = 2 ** 31 - 1

type Run = (call: Call, params: readonly unknown[]) => unknown

const refOfTask: WireType = { kind: 'ref', class: 'task' }
const listType: WireType = { kind: 'set', of: { kind: 'string' } }

/** Classes whose messages are still answered when the host is about to change its pool. */
const watching: ReadonlySet<string> = new Set(['session', 'task', 'event'])

/** Finds, checks and runs calls. */
export class Dispatcher {
  readonly #pool: Pool
  readonly #handlers: ReadonlyMap<string, AnyHandler>
  readonly #runs = new Map<MessageModel, Run | undefined>()

  constructor(pool: Pool, sets: readonly MethodSet[]) {
    this.#pool = pool
    this.#handlers = handlerTable(sets)
  }

  /** Never rejects: what goes wrong is the answer. */
  async call(request: CallRequest): Promise<Answer> {
    try {
      const answer = await this.#answer(request)
      this.#pool.db.commit()
      return answer
    } catch (error) {
      const { code, params } = errorOf(error)
      if (code === 'INTERNAL_ERROR')
        this.#pool.log.warn('call failed', { method: request.method.slice(0, 100), error: String(error) })
      return { ok: false, code, params }
    }
  }

  async #answer(request: CallRequest): Promise<Answer> {
    if (request.method === 'system.listMethods') return { ok: true, type: listType, value: this.#methodNames() }
    if (request.method.startsWith('system.isAlive:')) {
      return { ok: true, type: { kind: 'string' }, value: textOf(request.params[0]) }
    }
    const { name, mode } = splitName(request.method)
    const message = this.#pool.db.model.messages.get(name)
    if (!message) throw this.#unknown(request)
    if (mode === 'async' && !message.async) {
      throw new XapiError('Fault', [`No async mode for this operation (rpc: ${request.method.slice(0, 200)})`])
    }
    const params = this.#decode(message, request.params)
    const session = message.session ? this.#session(request, message) : undefined
    if (message.removed) throw fault('MESSAGE_REMOVED')
    if (message.poolInternal) {
      throw new XapiError('PERMISSION_DENIED', ['Internal API call attempted with not-permitted session'])
    }
    // The end of a task may still be seen; what changed now would be lost.
    if (this.#pool.leaving && !watching.has(message.class.name)) throw fault('HOST_STILL_BOOTING')
    if (session) checkRole(this.#pool.db.model, session.role, message, params)
    const run = this.#runOf(message)
    if (!run) throw notImplemented(message.wireName)
    if (mode === 'async') return this.#start(request, { message, params, session, run })
    const task = this.#pool.tasks.dummy(message.wireName)
    return this.#finish(message, await run(this.#context(request, message, session, task), params))
  }

  #finish(message: MessageModel, value: unknown): Answer {
    // Derived fields are part of what is shown.
    this.#pool.db.settle()
    if (value instanceof CustomResult) return { ok: true, type: value.type, value: value.value }
    return { ok: true, type: message.result, value }
  }

  /** Runs a call as a task of its own; the answer is the task. */
  #start(
    request: CallRequest,
    work: { message: MessageModel; params: readonly unknown[]; session: SessionState | undefined; run: Run },
  ): Answer {
    const { message, params, session, run } = work
    const headers = { 'http:user-agent': request.client?.userAgent, 'http:originator': request.client?.originator }
    const ref = this.#pool.tasks.create(`Async.${message.wireName}`, {
      resident_on: request.host,
      other_config: Object.fromEntries(
        Object.entries(headers).filter((entry): entry is [string, string] => !!entry[1]),
      ),
      ...(session ? { session: session.ref } : {}),
    })
    this.#pool.tasks.start(ref, async (task) => {
      const answer = this.#finish(message, await run(this.#context(request, message, session, task), params))
      return answer.ok ? xmlParts(answer.type, answer.value).join('') : ''
    })
    return { ok: true, type: refOfTask, value: ref }
  }

  #context(request: CallRequest, message: MessageModel, session: SessionState | undefined, task: TaskHandle): Call {
    const pool = this.#pool
    const hungUp = request.signal ?? pool.signal
    return { pool, db: pool.db, host: request.host, session, task, hungUp, method: message.wireName }
  }

  #session(request: CallRequest, message?: MessageModel): SessionState {
    // What helps a pool without a master must work on its members.
    if (!message?.emergency) this.#assertMaster(request.host)
    return this.#pool.sessions.check(textOf(request.params[0]))
  }

  /** Members answer nothing but where the master is. */
  #assertMaster(host: Ref<'host'>): void {
    const master = masterOf(this.#pool.db)
    if (host !== master) throw fault('HOST_IS_SLAVE', this.#pool.db.get('host', master).address)
  }

  /** A host takes an unknown name with a parameter for an extension, which needs a session. */
  #unknown(request: CallRequest): Error {
    if (request.params.length > 0) this.#session(request)
    return fault('MESSAGE_METHOD_UNKNOWN', request.method)
  }

  #decode(message: MessageModel, wire: readonly unknown[]): unknown[] {
    const given = message.session ? wire.slice(1) : wire
    const received = message.session ? wire.length - 1 : wire.length
    const optional = message.required < message.params.length
    // Trailing extra parameters pass when any is optional, as on a host.
    if (received < message.required || (!optional && received > message.params.length)) {
      throw fault('MESSAGE_PARAMETER_COUNT_MISMATCH', message.wireName, String(message.required), String(received))
    }
    const { model } = this.#pool.db
    return message.params.map((param, i) => {
      const value = given[i]
      return value === undefined ? param.default : decodeParam(model, param.type, value, param.name)
    })
  }

  #runOf(message: MessageModel): Run | undefined {
    if (this.#runs.has(message)) return this.#runs.get(message)
    const run = this.#makeRun(message)
    this.#runs.set(message, run)
    return run
  }

  #makeRun(message: MessageModel): Run | undefined {
    const { faults } = this.#pool
    const handler = this.#handlers.get(message.wireName)
    const generic = handler ? undefined : genericHandler(message)
    if (!handler && !generic) return undefined
    const work: Run = (call, params) => (handler ? handler(call, ...params) : generic?.(call.db, params))
    const operation = operationOf(message)
    const operated: Run = operation
      ? (call, params) =>
          withOperation(call, operation, textOf(params[operation.param]), () => delayed(call, () => work(call, params)))
      : work
    return (call, params) => {
      if (faults.idle) return operated(call, params)
      return this.#impeded(call, textOf(params[0]), () => operated(call, params))
    }
  }

  /** Does a call under the rules in force. */
  async #impeded(call: Call, ref: string, work: () => unknown): Promise<unknown> {
    const { faults, clock } = this.#pool
    const { lost, answer } = await faults.apply(call.method, ref, call.task.signal)
    const done = await work()
    const result = answer ?? done
    if (!lost) return result
    // Seen by others, but not by who asked.
    this.#pool.db.commit()
    await clock.sleep(longest, { signal: call.task.signal })
    return result
  }

  #methodNames(): string[] {
    const names = new Set<string>()
    for (const message of this.#pool.db.model.messages.values()) if (!message.removed) names.add(message.wireName)
    return [...names]
  }

  /** How each message is answered, for the documentation. */
  coverage(): ReadonlyMap<MessageModel, Coverage> {
    return coverageOf(this.#pool.db.model.messages.values(), this.#handlers)
  }

  async idle(): Promise<void> {
    await this.#pool.tasks.idle()
  }
}

/** The rows of a class as the value of a map from reference to record. */
export function recordsOf(rows: Iterable<Row>): Map<string, Row> {
  return new Map([...rows].map((row) => [row.ref, row]))
}

/** Handlers by wire name. */
export function handlerTable(sets: readonly MethodSet[]): Map<string, AnyHandler> {
  return new Map(
    sets.flatMap(({ cls, handlers }) => Object.entries(handlers).map(([name, run]) => [`${cls}.${name}`, run])),
  )
}

/** How messages are answered, given the handlers. */
export function coverageOf(
  messages: Iterable<MessageModel>,
  handlers: ReadonlyMap<string, AnyHandler>,
): Map<MessageModel, Coverage> {
  const coverage = new Map<MessageModel, Coverage>()
  for (const message of messages) {
    if (message.removed) coverage.set(message, 'removed')
    else if (handlers.has(message.wireName)) coverage.set(message, 'implemented')
    else coverage.set(message, genericHandler(message) && !message.poolInternal ? 'generic' : 'refused')
  }
  return coverage
}

function splitName(method: string): { name: string; mode: 'sync' | 'async' } {
  if (method.startsWith('Async.')) return { name: method.slice(6), mode: 'async' }
  if (method.startsWith('InternalAsync.')) return { name: method.slice(14), mode: 'async' }
  return { name: method, mode: 'sync' }
}

async function delayed(call: Call, work: () => unknown): Promise<unknown> {
  const delay = call.pool.faults.delayOf(call.method)
  if (delay > 0) await call.pool.clock.sleep(delay, { signal: call.task.signal })
  return await work()
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
