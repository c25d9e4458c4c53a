import type { z } from 'zod'
import type { ActionInfo } from '../action/action.ts'
import { errorCodes, type ErrorCode } from '../errors/catalogue.ts'
import { permissions, type Permission } from '../permission/permissions.ts'
import { fieldsOf, isQueryField, type InputSchema, type ObjectSchema } from './fields.ts'

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** How an endpoint looks on the command line. */
export interface CliVerb {
  /** Words after `nixen`: `vm start`. */
  readonly verb: string
  /** Parameters or input fields that are positional arguments; the others are flags. */
  readonly args?: readonly string[]
  /** Fields of the answer (of each item of a list) that a table shows. */
  readonly columns?: readonly string[]
}

/** The data of each server-sent event, by event name. */
export type EventSchemas = Readonly<Record<string, z.ZodType>>

/** Everything that is said about an endpoint; it is said nowhere else. */
export interface EndpointSpec {
  readonly method: Method
  /** Below `/api/v1`, parameters as `:id`. */
  readonly path: `/${string}`
  /** A sentence without a full stop, the imperative. */
  readonly summary: string
  readonly description?: string
  /** Parameters of the path. */
  readonly params?: ObjectSchema
  /** The query of a GET or DELETE and beside an upload, otherwise the JSON body. Unknown fields are refused. */
  readonly input?: InputSchema
  /** The body is a file of one of these media types, taken as it comes; the input is in the query. */
  readonly upload?: readonly [string, ...string[]]
  /** The answer is a file of this media type, given as it is made. A connection that breaks before its end means that it is not whole. */
  readonly download?: string
  /** The JSON answer; left out: 204 without a body, `download` or `stream`. */
  readonly output?: z.ZodType
  /**
   * What a user must be allowed to: a permission, `session` (any user, about themselves), `any` (any user: each object is judged by itself)
   * or `public`.
   */
  readonly permission: Permission | 'session' | 'any' | 'public'
  /** Name in the audit log; everything but GET has one, and a GET with a download. */
  readonly audit?: string
  /** Codes beside those that every endpoint may answer with (`request.*`, `auth.*`). */
  readonly errors?: readonly ErrorCode[]
  readonly cli?: CliVerb
  /** Server-sent events instead of an answer: the data of each, by event name. */
  readonly stream?: EventSchemas
  /** It is done with an object of a connection, as a task; made by `action()` and `creation()`. */
  readonly action?: ActionInfo
}

/** Whether the input of an endpoint is its query. */
export function inputIsQuery({ method, upload }: Pick<EndpointSpec, 'method' | 'upload'>): boolean {
  return method === 'GET' || method === 'DELETE' || upload !== undefined
}

/** An object without fields: what an endpoint without parameters or input gets. */
export type NoFields = Readonly<Record<string, never>>
type Parsed<T> = T extends z.ZodType ? z.output<T> : NoFields
type Given<T> = T extends z.ZodType ? z.input<T> : unknown
/** Parameters of the path, parsed. */
export type ParamsOf<E> = E extends { readonly params: infer P } ? Parsed<P> : NoFields
/** Query or body, parsed, defaults filled in. */
export type InputOf<E> = E extends { readonly input: infer I } ? Parsed<I> : NoFields
/** The answer; `undefined` when there is none. */
export type OutputOf<E> = E extends { readonly output: infer O extends z.ZodType } ? z.output<O> : undefined
/** What a client gives: parameters and input in one object. */
export type CallOf<E> = (E extends { readonly params: infer P } ? Given<P> : unknown) &
  (E extends { readonly input: infer I } ? Given<I> : unknown)
/** An event of a stream: its name and data. */
export type EventOf<E> = E extends { readonly stream: infer S extends EventSchemas }
  ? { [K in keyof S & string]: { readonly event: K; readonly id?: string; readonly data: z.output<S[K]> } }[keyof S &
      string]
  : never

/**
 * Declares an endpoint once; route, OpenAPI operation, client method, CLI verb, permission row and audit name come from it.
 * Throws a `TypeError` on a declaration that contradicts itself, so that no build gets past it.
 */
export function endpoint<const E extends EndpointSpec>(spec: E): E {
  const problems = problemsOf(spec)
  if (problems.length > 0) throw new TypeError(`${spec.method} ${spec.path}: ${problems.join('; ')}.`)
  return Object.freeze(spec)
}

function* findProblems(spec: EndpointSpec): Generator<string> {
  const inPath = [...spec.path.matchAll(/:([a-zA-Z]+)/g)].map((match) => match[1] ?? '')
  const params = spec.params ? Object.keys(spec.params.shape) : []
  const input = spec.input ? fieldsOf(spec.input) : []
  if (!/^\/$|^(\/(:[a-zA-Z]+|[a-z][a-z0-9-]*(\.json)?))+$/.test(spec.path))
    yield 'the path is not of words and :parameters'
  if (inPath.join() !== params.join())
    yield `the path has the parameters [${inPath.join()}], params has [${params.join()}]`
  for (const { name } of input) if (params.includes(name)) yield `${name} is a parameter and an input`
  if (inputIsQuery(spec)) {
    for (const field of input) if (!isQueryField(field.schema)) yield `${field.name} cannot be written in a query`
  }
  if (!['public', 'session', 'any'].includes(spec.permission) && !permissions.has(spec.permission)) {
    yield `there is no permission ${spec.permission}`
  }
  const isAudited = spec.method !== 'GET' || spec.download !== undefined
  if (isAudited && spec.audit === undefined) yield 'it has no audit name'
  if (!isAudited && spec.audit !== undefined) yield 'a GET is not audited'
  if (spec.upload && (spec.method === 'GET' || spec.method === 'DELETE')) yield 'a GET or DELETE has no body'
  if (spec.download !== undefined && (spec.output || spec.stream)) yield 'a download has no other answer'
  if (spec.stream && (spec.method !== 'GET' || spec.output)) yield 'a stream is a GET without output'
  const errors = spec.errors ?? []
  for (const code of errors) if (!errorCodes.has(code)) yield `there is no error ${code}`
  if (new Set(errors).size < errors.length) yield 'an error is there twice'
  const from = spec.action?.from
  if (from !== undefined && !params.includes(from) && !input.some(({ name }) => name === from))
    yield `${from} is no parameter or input`
  for (const name of Object.keys(spec.action?.needs ?? {}))
    if (!input.some((field) => field.name === name)) yield `it needs a permission for ${name}, which is no input`
  for (const name of spec.cli?.args ?? []) {
    if (!params.includes(name) && !input.some((field) => field.name === name))
      yield `the argument ${name} is no parameter or input`
  }
}

function problemsOf(spec: EndpointSpec): readonly string[] {
  return [...findProblems(spec)]
}
