import type { Brand } from '@nixen/core'
import { z } from 'zod'
import { isConnectionId, type ConnectionId } from './own-id.ts'

/** The kinds of objects that a connection shows, in the order in which a list of all of them goes. */
export const resourceTypes = [
  'pool',
  'host',
  'vm',
  'template',
  'snapshot',
  'storage',
  'disk',
  'network',
  'nic',
  'task',
  'alarm',
] as const
export type ResourceType = (typeof resourceTypes)[number]

/**
 * Names one object of one connection, for ever: `TYPE.CONNECTION.KEY`. `KEY` is the provider's own stable name of the
 * object (a uuid, a volume's key, a PVE vmid), with everything but `A-Z a-z 0-9 . _ -` written as `~XX`, a byte of
 * its UTF-8 each, so that an id is safe in a path, a query, a file name and a shell (DESIGN: identity).
 * The same uuid behind two connections is two objects.
 */
export type ResourceId<T extends ResourceType = ResourceType> = Brand<string, `${T}-id`>

/** What an id is made of. */
export interface IdParts<T extends ResourceType = ResourceType> {
  readonly type: T
  readonly connection: ConnectionId
  /** The provider's own name of the object; never empty. */
  readonly key: string
}

/** No id is longer, in characters. */
export const maxIdLength = 1024
const safe = /^[A-Za-z0-9._-]+$/
const shape = /^([a-z]+)\.([a-z0-9-]+)\.((?:[A-Za-z0-9._-]|~[0-9A-F]{2})+)$/
const types: ReadonlySet<string> = new Set(resourceTypes)

/** Makes the id of an object. Throws a `RangeError` on an empty key or one that makes the id too long. */
export function formatId<T extends ResourceType>({ type, connection, key }: IdParts<T>): ResourceId<T> {
  const id = `${type}.${connection}.${safe.test(key) ? key : escapeKey(key)}`
  if (key === '' || id.length > maxIdLength) {
    throw new RangeError(`A key of ${key.length} characters makes no id: ${key.slice(0, 40)}`)
  }
  // The form is made here; `parseId` accepts it.
  return id as ResourceId<T>
}

/** Takes an id apart; `undefined` when it is none, or not of `type`. Only the one form that `formatId` makes is an id. */
export function parseId<T extends ResourceType = ResourceType>(text: string, type?: T): IdParts<T> | undefined {
  if (text.length > maxIdLength) return undefined
  const [, found, connection, escaped] = shape.exec(text) ?? []
  if (found === undefined || connection === undefined || escaped === undefined) return undefined
  if (!types.has(found) || (type !== undefined && found !== type) || !isConnectionId(connection)) return undefined
  const key = unescapeKey(escaped)
  // `found` is one of the types, and the one that was asked for.
  return key === undefined ? undefined : { type: found as T, connection, key }
}

/** The type of an object, from its id. */
export function typeOfId<T extends ResourceType>(id: ResourceId<T>): T {
  // A `ResourceId` has been through `formatId` or `parseId`.
  return id.slice(0, id.indexOf('.')) as T
}

/** The connection of an object, from its id. */
export function connectionOfId(id: ResourceId): ConnectionId {
  const start = id.indexOf('.') + 1
  // A `ResourceId` has been through `formatId` or `parseId`.
  return id.slice(start, id.indexOf('.', start)) as ConnectionId
}

function escapeKey(key: string): string {
  let text = ''
  for (const byte of new TextEncoder().encode(key.toWellFormed())) {
    const letter = String.fromCharCode(byte)
    text += safe.test(letter) ? letter : `~${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return text
}

function unescapeKey(text: string): string | undefined {
  if (!text.includes('~')) return text
  const bytes: number[] = []
  for (let i = 0; i < text.length; i++) {
    const escaped = text[i] === '~'
    bytes.push(escaped ? Number.parseInt(text.slice(i + 1, i + 3), 16) : text.charCodeAt(i))
    if (escaped) i += 2
  }
  try {
    const key = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes))
    // `~41` is not another way to write `A`: one object has one id.
    return escapeKey(key) === text ? key : undefined
  } catch {
    return undefined
  }
}

function idSchema<T extends ResourceType>(type: T): z.ZodType<ResourceId<T>, string> {
  const example = `${type}.k3f9x2ab.6f1c2b1e-0d5f-4d0c-9a5b-1c9f6c8b3e7a`
  const schema = z
    .string()
    .refine((value) => parseId(value, type) !== undefined, {
      error: `Not the id of a ${type}. An id looks like ${example}.`,
    })
    .meta({ format: `${type}-id`, examples: [example] })
  // A string that `parseId` accepts is an id; zod cannot say so.
  return schema as z.ZodType<string, string> as z.ZodType<ResourceId<T>, string>
}

export type PoolId = ResourceId<'pool'>
export type HostId = ResourceId<'host'>
export type VmId = ResourceId<'vm'>
export type TemplateId = ResourceId<'template'>
export type SnapshotId = ResourceId<'snapshot'>
export type StorageId = ResourceId<'storage'>
export type DiskId = ResourceId<'disk'>
export type NetworkId = ResourceId<'network'>
export type NicId = ResourceId<'nic'>
export type TaskId = ResourceId<'task'>
export type AlarmId = ResourceId<'alarm'>

export const PoolId: z.ZodType<PoolId, string> = idSchema('pool')
export const HostId: z.ZodType<HostId, string> = idSchema('host')
export const VmId: z.ZodType<VmId, string> = idSchema('vm')
export const TemplateId: z.ZodType<TemplateId, string> = idSchema('template')
export const SnapshotId: z.ZodType<SnapshotId, string> = idSchema('snapshot')
export const StorageId: z.ZodType<StorageId, string> = idSchema('storage')
export const DiskId: z.ZodType<DiskId, string> = idSchema('disk')
export const NetworkId: z.ZodType<NetworkId, string> = idSchema('network')
export const NicId: z.ZodType<NicId, string> = idSchema('nic')
export const TaskId: z.ZodType<TaskId, string> = idSchema('task')
export const AlarmId: z.ZodType<AlarmId, string> = idSchema('alarm')

const anyId = z
  .string()
  .refine((value) => parseId(value) !== undefined, {
    error: 'Not the id of an object. An id looks like vm.k3f9x2ab.6f1c2b1e-0d5f-4d0c-9a5b-1c9f6c8b3e7a.',
  })
  .meta({ format: 'id' })
/** An id of any type. */
// As above.
export const AnyId: z.ZodType<ResourceId, string> = anyId as z.ZodType<string, string> as z.ZodType<ResourceId, string>
