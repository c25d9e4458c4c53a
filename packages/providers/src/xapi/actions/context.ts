import {
  connectionErrors,
  formatId,
  parseId,
  typeOfId,
  type ConnectionId,
  type ResourceId,
  type ResourceType,
} from '@nixen/api'
import { isXapiError, type EventClassName, type Ref, type TaskRef, type Xapi } from '@nixen/xapi'
import type { ActionTask } from '../../action/actions.ts'
import { xapiClassesOf } from '../native.ts'
import { notFound } from '../not-found.ts'

/** What speaking to a pool takes. */
export interface PoolContext {
  readonly xapi: Xapi
  readonly connection: ConnectionId
}

/** What actions on a pool have at hand. */
export interface XapiContext extends PoolContext {
  /** Address of the host that leads the pool, as another host reaches it. */
  readonly master: () => string
  /** Who we are on it: a host that joins logs in with it. */
  readonly credentials: { readonly username: string; readonly password: string }
}

/** The reference of an object, by its id. @throws TYPE.not_found, what the host answers */
export async function refOf<C extends EventClassName>(
  { xapi }: PoolContext,
  id: ResourceId,
  className: C,
): Promise<Ref<C>> {
  const parts = parseId(id)
  if (!parts || !xapiClassesOf[parts.type].includes(className)) {
    throw connectionErrors.unsupported({ action: 'This', reason: `${id} is no ${className}.` })
  }
  // An object whose uuid made no id is named by its reference.
  if (parts.key.startsWith('OpaqueRef:')) return parts.key as Ref<C>
  try {
    const ref = await xapi.call(`${className}.get_by_uuid`, [parts.key], {
      session: true,
      resultType: `ref:${className}`,
    })
    // The result type asked for.
    return ref as Ref<C>
  } catch (error) {
    if (isXapiError(error, 'UUID_INVALID')) throw notFound(typeOfId(id), id, error)
    throw error
  }
}

/** The id of an object that was just made. */
export async function idOf<T extends ResourceType>(
  { xapi, connection }: PoolContext,
  type: T,
  { className, ref }: { readonly className: EventClassName; readonly ref: string },
): Promise<ResourceId<T>> {
  const uuid = async (): Promise<unknown> =>
    await xapi.call(`${className}.get_uuid`, [ref], { session: true, resultType: 'string' })
  // It is made: that its id cannot be read for a moment must not make a failure of it.
  const key = await uuid().catch(uuid)
  // The result type asked for.
  return formatId({ type, connection, key: key as string })
}

/** Waits for a task of the host, telling its progress; cancelling `task` cancels it there. Resolves with its result. */
export async function follow<R>({ xapi }: PoolContext, call: Promise<TaskRef<R>>, task: ActionTask): Promise<R> {
  return await xapi.run(call, { signal: task.signal, onProgress: (progress) => task.progress(progress) })
}

/** A map of the host with some keys set, or taken away with `undefined`. */
export function withKeys(
  map: Readonly<Record<string, string>>,
  changes: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> {
  const entries = Object.entries({ ...map, ...changes })
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => entry[1] !== undefined))
}
