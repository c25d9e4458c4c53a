import type { AsyncMessages, Messages } from '../generated/messages.ts'
import { encode } from '../values/encode.ts'
import { encoding, inside, Mismatch } from '../values/mismatch.ts'
import type { TaskRef } from '../values/ref.ts'
import { messageTypes, type MessageTypes } from '../values/schema.ts'
import { parseType } from '../values/type.ts'
import type { CallOptions, XapiCall } from './caller.ts'

/** The messages `M` as methods that resolve with the result. */
export type Calls<M> = {
  readonly [K in keyof M]: M[K] extends (...params: infer P) => infer R ? (...params: P) => Promise<R> : never
}

/** The messages `M` as methods that start a task and resolve with its reference. */
export type TaskCalls<M> = {
  readonly [K in keyof M]: M[K] extends (...params: infer P) => infer R ? (...params: P) => Promise<TaskRef<R>> : never
}

type ClassCallers = { readonly [C in keyof Messages]: Calls<Messages[C]> }
type AsyncCallers = { readonly [C in keyof AsyncMessages]: TaskCalls<AsyncMessages[C]> }

/**
 * Every message of every class as a typed method: `callers.VM.start(vm, false, false)` waits for the end,
 * `callers.async.VM.start(vm, false, false)` answers with a task. Optional parameters are the tail.
 */
export type XapiCallers = ClassCallers & {
  /** The same messages as tasks. */
  readonly async: AsyncCallers
  /** The same callers with a signal or a time-out for each call: `callers.with({ signal }).VM.start(vm, false, false)`. */
  with(options: CallOptions): XapiCallers
}

/**
 * Makes the typed callers over a transport. Parameters are checked and encoded by the data model (`xapi.bad_value` when one has the wrong form);
 * the port decodes the result. A class or message that the data model does not know goes out as it is, for hosts newer than it.
 */
export function createCallers(call: XapiCall, options: CallOptions = {}): XapiCallers {
  const context: Context = { call, options }
  const asyncCallers = lazyMembers((className) => classCallers(className, { ...context, prefix: 'Async.' }))
  const callers = lazyMembers((name) => {
    if (name === 'async') return asyncCallers
    if (name === 'with') return (more: CallOptions) => createCallers(call, { ...options, ...more })
    return classCallers(name, context)
  })
  // Members come into being when they are asked for; the types say which ones there are.
  return callers as unknown as XapiCallers
}

interface Context {
  readonly call: XapiCall
  readonly options: CallOptions
  readonly prefix?: 'Async.'
}

function classCallers(className: string, context: Context): object {
  return lazyMembers((message) => caller(className, message, context))
}

type Caller = (...params: readonly unknown[]) => Promise<unknown>

function caller(className: string, message: string, { call, options, prefix }: Context): Caller {
  const name = `${className}.${message}`
  const types = messageTypes(className, message)
  const result = types?.result
  const request = prefix
    ? { ...options, resultType: 'ref:task', taskResultType: result, session: true }
    : { ...options, resultType: result, session: types?.session ?? className !== 'system' }
  const method = `${prefix ?? ''}${name}`
  return async (...params) => await call(method, encodeParams(name, types, params), request)
}

/** Wire values of the parameters; optional ones that are `undefined` at the end are left out. */
export function encodeParams(name: string, types: MessageTypes | undefined, params: readonly unknown[]): unknown[] {
  const last = params.findLastIndex((param) => param !== undefined)
  const given = params.slice(0, last + 1)
  return encoding(`${name}()`, () =>
    given.map((param, index) => {
      if (param === undefined) throw new Mismatch('a value, as later ones are given', param).in(index)
      try {
        return encode(parseType(types?.params[index] ?? 'any'), param)
      } catch (error) {
        throw inside(error, index)
      }
    }),
  )
}

/** An object whose members are made by `make` when they are first read. Awaiting it is harmless: it has no `then`. */
function lazyMembers(make: (name: string) => unknown): object {
  return new Proxy(Object.create(null) as Record<string, unknown>, {
    get(members, name) {
      if (typeof name === 'symbol' || name === 'then' || name === 'toJSON') return undefined
      return (members[name] ??= make(name))
    },
    set: () => false,
  })
}
