import type { z } from 'zod'
import type { ErrorCode } from '../errors/catalogue.ts'
import type { Permission } from '../permission/permissions.ts'

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
/** Schema of an object, or the lack of one. */
export type ObjectSchema = z.ZodObject<Readonly<Record<string, z.ZodType>>>

/** How an endpoint looks on the command line. */
export interface CliVerb {
  /** Words after `nixen`: `vm start`. */
  readonly verb: string
  /** Parameters or input fields that are positional arguments; the others are flags. */
  readonly args?: readonly string[]
  /** Columns of a table of the answer. */
  readonly columns?: readonly string[]
}

/** Everything that is said about an endpoint; it is said nowhere else. */
export interface EndpointSpec<
  Params extends ObjectSchema | undefined,
  Input extends ObjectSchema | undefined,
  Output extends z.ZodType | undefined,
  Events extends Readonly<Record<string, z.ZodType>> | undefined,
> {
  readonly method: Method
  /** Below `/api/v1`, parameters as `:id`. */
  readonly path: `/${string}`
  /** One sentence without a full stop, the imperative. */
  readonly summary: string
  readonly description?: string
  /** Parameters of the path. */
  readonly params?: Params
  /** The query of a GET or DELETE, otherwise the JSON body. Unknown fields are refused. */
  readonly input?: Input
  /** The JSON answer; left out: 204 without a body. */
  readonly output?: Output
  /** What a user must be allowed to: a permission, `session` (any user, about themselves) or `public`. */
  readonly permission: Permission | 'session' | 'public'
  /** Name in the audit log; needed by everything but GET. */
  readonly audit?: string
  /** Codes beside those that every endpoint may answer with (`request.*`, `auth.*`). */
  readonly errors: readonly ErrorCode[]
  readonly cli?: CliVerb
  /** Server-sent events instead of an answer: the data of each, by event name. */
  readonly stream?: Events
  /** Media type of an answer that is not JSON. */
  readonly contentType?: string
}

export type AnyEndpoint = EndpointSpec<
  ObjectSchema | undefined,
  ObjectSchema | undefined,
  z.ZodType | undefined,
  Readonly<Record<string, z.ZodType>> | undefined
>

type Inferred<T> = T extends z.ZodType ? z.infer<T> : undefined
type Given<T> = T extends z.ZodType ? z.input<T> : unknown
/** Parameters of the path, parsed. */
export type ParamsOf<E> = E extends { readonly params: infer P } ? Inferred<P> : undefined
/** Query or body, parsed, defaults filled in. */
export type InputOf<E> = E extends { readonly input: infer I } ? Inferred<I> : undefined
/** The answer; `undefined` when there is none. */
export type OutputOf<E> = E extends { readonly output: infer O } ? Inferred<O> : undefined
/** What a client gives: parameters and input in one object. */
export type CallOf<E> = (E extends { readonly params: infer P } ? Given<P> : unknown) &
  (E extends { readonly input: infer I } ? Given<I> : unknown)

/**
 * Declares an endpoint once; route, OpenAPI operation, client method, CLI verb, permission row and audit name come from it.
 * Throws a `TypeError` on a declaration that contradicts itself, so that no build gets past it.
 */
export function endpoint<
  const E extends EndpointSpec<
    ObjectSchema | undefined,
    ObjectSchema | undefined,
    z.ZodType | undefined,
    Readonly<Record<string, z.ZodType>> | undefined
  >,
>(spec: E): E {
  return Object.freeze(spec)
}
