import { z } from 'zod'
import type { Capability } from '../capability/capabilities.ts'
import { endpoint, type CliVerb, type Method } from '../contract/endpoint.ts'
import type { ObjectSchema } from '../contract/fields.ts'
import type { ErrorCode } from '../errors/catalogue.ts'
import type { ResourceId, ResourceType } from '../ids/resource-id.ts'
import type { InventoryObjects } from '../inventory/inventory.ts'
import type { Permission } from '../permission/permissions.ts'
import { TaskRef } from '../task/task.ts'

/** What makes an endpoint an action: something that is done with an object of a connection, followed as a task. */
export interface ActionInfo<T extends ResourceType = ResourceType> {
  /** Type of the object that it is done with, `on` in the audit log and the task. */
  readonly type: T
  /** The parameter or input field with the id of that object. */
  readonly from: string
  /** Title of the task; `NAME` stands for the name of the object. */
  readonly title: string
  /** States of the object in which it makes sense, and what the connection must be able to do. */
  readonly can?: Capability<InventoryObjects[T]>
  /** Permissions that other objects in the input need, by field; every object that is named must be visible at least. */
  readonly needs?: Readonly<Record<string, Permission>>
}

/** What is said about every action; see `EndpointSpec` for the rest. */
interface CommonSpec<T extends ResourceType> {
  readonly type: T
  readonly title: string
  readonly summary: string
  readonly description?: string
  readonly permission: Permission
  readonly can?: Capability<InventoryObjects[T]>
  readonly needs?: Readonly<Record<string, Permission>>
  readonly errors?: readonly ErrorCode[]
}

/** An action on an object that the path names. */
export interface ActionSpec<T extends ResourceType> extends CommonSpec<T> {
  /** Schema of the id. */
  readonly id: z.ZodType<ResourceId<T>, string>
  readonly plural: string
  /** Words in the path after the id; empty for a DELETE or PATCH of the object itself. */
  readonly name: string
  /** POST when left out. */
  readonly method?: Exclude<Method, 'GET'>
  readonly input?: ObjectSchema
  /** Positional arguments after the id and columns; the verb is `TYPE NAME` unless it is said here. */
  readonly cli?: Partial<CliVerb>
}

/** An action that makes something, from or on an object that a field of the input names. */
export interface CreationSpec<T extends ResourceType> extends CommonSpec<T> {
  /** Where the new object will be listed: `/vms`. */
  readonly path: `/${string}`
  /** The field of the input with the id of the object, of type `type`, that it is made from or on. */
  readonly from: string
  readonly input: ObjectSchema
  readonly cli: CliVerb
}

/** Codes that every action may answer with. */
const always = [
  'request.not_allowed',
  'connection.not_connected',
  'connection.read_only',
] as const satisfies readonly ErrorCode[]

interface Endpoint<T extends ResourceType> {
  readonly method: Method
  readonly path: `/${string}`
  readonly summary: string
  readonly output: typeof TaskRef
  readonly permission: Permission
  readonly audit: string
  readonly errors: readonly ErrorCode[]
  readonly cli: CliVerb
  readonly action: ActionInfo<T>
}
type InputPart<A> = A extends { readonly input: infer I extends ObjectSchema } ? { readonly input: I } : unknown

/** An action's endpoint: `POST /vms/:id/start`, answered with the task to follow. */
export type ActionEndpoint<T extends ResourceType, A> = Endpoint<T> & {
  readonly params: z.ZodObject<{ id: z.ZodType<ResourceId<T>, string> }>
} & InputPart<A>
/** A creation's endpoint: `POST /vms`, answered with the task to follow. */
export type CreationEndpoint<T extends ResourceType, A> = Endpoint<T> & InputPart<A>

/**
 * Declares an action once. Route, task, audit line, permission, capability check, client method and CLI verb come from it; what it does is
 * in the providers (`ProviderActions`).
 *
 * @example
 *   start: action({ type: 'vm', id: VmId, plural: 'vms', name: 'start', title: 'Start NAME', summary: 'Start a VM',
 *     permission: 'vm:start', can: vmCan.start })
 */
export function action<const T extends ResourceType, const A extends ActionSpec<T>>(
  spec: A & { readonly type: T },
): ActionEndpoint<T, A> {
  const { type, id, method = 'POST', name, plural, input } = spec
  const verb = spec.cli?.verb ?? `${type} ${name}`
  const made = endpoint({
    ...commonOf(spec, 'id', verb),
    method,
    path: `/${plural}/:id${name === '' ? '' : `/${name}`}`,
    params: z.strictObject({ id }),
    ...(input ? { input } : {}),
    cli: { ...spec.cli, verb, args: ['id', ...(spec.cli?.args ?? [])] },
  })
  // What was put together above, with the types of the parts.
  return made as unknown as ActionEndpoint<T, A>
}

/**
 * Declares an action that makes something.
 *
 * @example
 *   create: creation({ type: 'template', from: 'template', path: '/vms', title: 'Create a VM from NAME', … })
 */
export function creation<const T extends ResourceType, const A extends CreationSpec<T>>(
  spec: A & { readonly type: T },
): CreationEndpoint<T, A> {
  const { from, path, input, cli } = spec
  const made = endpoint({ ...commonOf(spec, from, cli.verb), method: 'POST', path, input, cli })
  // As above.
  return made as unknown as CreationEndpoint<T, A>
}

function commonOf<T extends ResourceType>(spec: CommonSpec<T>, from: string, verb: string) {
  const { type, title, summary, description, permission, can, needs, errors = [] } = spec
  const info: ActionInfo<T> = { type, from, title, ...(can ? { can } : {}), ...(needs ? { needs } : {}) }
  return {
    summary,
    ...(description === undefined ? {} : { description }),
    output: TaskRef,
    permission,
    // `vm boot order` is `vm.bootOrder` in the audit log.
    audit: verb.replace(' ', '.').replaceAll(/[ -](\w)/g, (_, letter: string) => letter.toUpperCase()),
    // Every type of the inventory has `not_found` among its errors.
    errors: [...new Set<ErrorCode>([`${type}.not_found` as ErrorCode, ...always, ...errors])],
    // An endpoint knows of some object only; which type it is, is checked where it is declared.
    action: info as unknown as ActionInfo,
  } as const
}
