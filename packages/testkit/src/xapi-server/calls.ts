import { randomUUID } from 'node:crypto'
import { isRecord } from '@nixen/core'
import type { Batch, ScriptedDatabase, WireRecord } from './database.ts'
import { blankRecord, methodNames } from './model.ts'

/** An error of the API, to be thrown by a scripted method. */
export class ApiError extends Error {
  readonly code: string
  readonly params: readonly string[]

  constructor(code: string, ...params: readonly string[]) {
    super(code)
    this.code = code
    this.params = params
  }
}

/** JSON text in parts, for answers that are too large to be made anew each time. */
export class RawJson {
  readonly parts: Iterable<string>

  constructor(parts: Iterable<string>) {
    this.parts = parts
  }
}

/** What a method gets beside its parameters. */
export interface CallContext {
  /** Fires when the caller is gone or the server stops. */
  readonly signal: AbortSignal
}

/** A method of the API: parameters without the session. */
export type MethodHandler = (params: readonly unknown[], context: CallContext) => unknown

/** The XAPI that the server simulates: sessions, getters, events and tasks over a database. */
export class ScriptedCalls {
  readonly db: ScriptedDatabase
  readonly sessions = new Set<string>()
  readonly credentials: { username: string; password: string }
  /** When set, this host is a member: logins and calls answer `HOST_IS_SLAVE` with this address. */
  masterAddress: string | undefined
  readonly #methods = new Map<string, MethodHandler>()

  constructor(db: ScriptedDatabase, credentials: { username: string; password: string }) {
    this.db = db
    this.credentials = credentials
    this.#addTasks()
    this.set('event.from', (params, context) => this.#eventsFrom(params, context))
    this.set('event.inject', ([table, ref]) => {
      this.#row(String(table), ref)
      db.update(String(table), String(ref), {})
      return db.token
    })
  }

  /** Adds or replaces a method. */
  set(name: string, handler: MethodHandler): void {
    this.#methods.set(name, handler)
  }

  /** Calls a method with all parameters of the wire. */
  async call(name: string, params: readonly unknown[], context: CallContext): Promise<unknown> {
    if (name === 'system.listMethods') return methodNames()
    if (this.masterAddress !== undefined) throw new ApiError('HOST_IS_SLAVE', this.masterAddress)
    if (name === 'session.login_with_password') return this.#login(params)
    const session = String(params[0])
    if (!this.sessions.has(session)) throw new ApiError('SESSION_INVALID', session)
    if (name === 'session.logout') return this.sessions.delete(session) ? '' : ''
    const rest = params.slice(1)
    const handler = this.#methods.get(name)
    if (handler) return (await handler(rest, context)) ?? ''
    if (name.startsWith('Async.')) return this.#startTask(name.slice('Async.'.length), rest, context)
    return this.#generic(name, rest)
  }

  /** Ends a task as a host does: result, then status. */
  finishTask(ref: string, outcome: { result?: string; error?: readonly string[] }): void {
    if (!this.db.get('task', ref)) return
    const end = { progress: 1, finished: isoNow(), allowed_operations: [] }
    if (!outcome.error) {
      this.db.update('task', ref, { ...end, result: outcome.result ?? '' })
      this.db.update('task', ref, { status: 'success' })
      return
    }
    this.db.update('task', ref, { ...end, error_info: outcome.error })
    this.db.update('task', ref, { status: outcome.error[0] === 'TASK_CANCELLED' ? 'cancelled' : 'failure' })
  }

  createTask(label: string, fields: WireRecord = {}): string {
    const uuid = randomUUID()
    return this.db.insert('task', `OpaqueRef:${uuid}`, {
      ...blankRecord('task'), uuid, name_label: label, status: 'pending', created: isoNow(), type: '<none/>',
      allowed_operations: ['cancel'], backtrace: '()', ...fields,
    }) // prettier-ignore
  }

  #login([username, password]: readonly unknown[]): string {
    const { credentials } = this
    if (username !== credentials.username || password !== credentials.password) {
      throw new ApiError('SESSION_AUTHENTICATION_FAILED', String(username), 'Authentication failure')
    }
    const session = `OpaqueRef:${randomUUID()}`
    this.sessions.add(session)
    return session
  }

  #addTasks(): void {
    const { db } = this
    this.set('task.create', ([label, description]) => this.createTask(String(label), { name_description: description }))
    this.set('task.destroy', ([ref]) => (db.remove('task', this.#row('task', ref)) ? '' : ''))
    this.set('task.cancel', ([ref]) =>
      this.finishTask(this.#row('task', ref), { error: ['TASK_CANCELLED', String(ref)] }),
    )
  }

  /** Runs the handler of the sync name in a task. */
  #startTask(name: string, params: readonly unknown[], context: CallContext): string {
    const handler = this.#methods.get(name)
    if (!handler) throw new ApiError('MESSAGE_METHOD_UNKNOWN', name)
    const ref = this.createTask(`Async.${name}`)
    void (async () => {
      try {
        const result = await handler(params, context)
        this.finishTask(ref, { result: xmlValue(result) })
      } catch (error) {
        const { code, params: details } = asApiError(error)
        this.finishTask(ref, { error: [code, ...details] })
      }
    })()
    return ref
  }

  #generic(name: string, params: readonly unknown[]): unknown {
    const dot = name.indexOf('.')
    const table = name.slice(0, dot)
    const method = name.slice(dot + 1)
    if (!this.db.tables.includes(table)) throw new ApiError('MESSAGE_METHOD_UNKNOWN', name)
    if (method === 'get_all_records') return new RawJson(this.db.recordsText(table))
    if (method === 'get_all') return this.db.refs(table)
    if (method === 'get_by_uuid') return this.#byUuid(table, params[0])
    const ref = this.#row(table, params[0])
    const record = this.db.get(table, ref) ?? {}
    if (method === 'get_record') return record
    const [, verb, field = ''] = /^(get|set|add_to|remove_from)_(.+)$/.exec(method) ?? []
    if (verb === undefined || !(field in record)) throw new ApiError('MESSAGE_METHOD_UNKNOWN', name)
    if (verb === 'get') return record[field]
    this.db.update(table, ref, { [field]: changedField(verb, record[field], params.slice(1)) })
    return ''
  }

  #byUuid(table: string, uuid: unknown): string {
    const found = this.db.refs(table).find((ref) => this.db.get(table, ref)?.['uuid'] === uuid)
    if (found === undefined) throw new ApiError('UUID_INVALID', table, String(uuid))
    return found
  }

  #row(table: string, ref: unknown): string {
    if (!this.db.get(table, String(ref))) throw new ApiError('HANDLE_INVALID', table, String(ref))
    return String(ref)
  }

  async #eventsFrom([classes, token, timeout]: readonly unknown[], { signal }: CallContext): Promise<RawJson> {
    if (!Array.isArray(classes)) throw new ApiError('MESSAGE_PARAMETER_COUNT_MISMATCH', 'event.from', '3', '0')
    const wanted = subscription(classes.map((name) => String(name).toLowerCase()))
    const from = String(token)
    if (from !== '' && !/^\d+,\d+$/.test(from)) throw new ApiError('EVENT_FROM_TOKEN_PARSE_FAILURE', from)
    const deadline = Date.now() + Number(timeout) * 1000
    for (;;) {
      const batch = this.db.since(from, wanted)
      const left = deadline - Date.now()
      if (batch.events.length > 0 || left <= 0 || signal.aborted) return batchText(batch)
      await this.db.changed(left, signal)
    }
  }
}

/** What was thrown, as an error of the API. */
export function asApiError(error: unknown): ApiError {
  return error instanceof ApiError ? error : new ApiError('INTERNAL_ERROR', String(error))
}

function subscription(names: readonly string[]): (table: string, ref: string) => boolean {
  const all = new Set(names)
  if (all.has('*')) return () => true
  return (table, ref) => {
    const name = table.toLowerCase()
    return all.has(name) || all.has(`${name}/${ref.toLowerCase()}`)
  }
}

function batchText({ events, token, counts }: Batch): RawJson {
  const tail = `],"valid_ref_counts":${JSON.stringify(counts)},"token":"${token}"}`
  return new RawJson(
    (function* () {
      yield '{"events":['
      for (const [index, event] of events.entries()) yield index === 0 ? event() : `,${event()}`
      yield tail
    })(),
  )
}

function changedField(verb: string, value: unknown, [key, entry]: readonly unknown[]): unknown {
  if (verb === 'set') return key
  if (Array.isArray(value)) return verb === 'add_to' ? [...value, key] : value.filter((item) => item !== key)
  const map = isRecord(value) ? { ...value } : {}
  if (verb === 'remove_from') return Object.fromEntries(Object.entries(map).filter(([name]) => name !== key))
  if (String(key) in map) throw new ApiError('MAP_DUPLICATE_KEY', '', '', '', String(key))
  return { ...map, [String(key)]: entry }
}

function isoNow(): string {
  return new Date().toISOString().replace(/-/g, '').replace(/\.\d+/, '')
}

/** A task's result: text of an XML-RPC value. */
function xmlValue(value: unknown): string {
  if (typeof value !== 'string' && typeof value !== 'number' && !Array.isArray(value)) return ''
  if (value === '') return ''
  if (Array.isArray(value)) return `<value><array><data>${value.map(xmlValue).join('')}</data></array></value>`
  return `<value>${String(value).replace(/&/g, '&amp;').replace(/</g, '&lt;')}</value>`
}
