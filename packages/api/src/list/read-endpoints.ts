import { z } from 'zod'
import { endpoint } from '../contract/endpoint.ts'
import type { ErrorCode } from '../errors/catalogue.ts'
import type { ResourceId, ResourceType } from '../ids/resource-id.ts'
import type { Permission } from '../permission/permissions.ts'
import { listInput, pageOf } from './list.ts'

/** What differs between the reading endpoints of the types of the inventory. */
export interface ReadSpec<T extends ResourceType, Plural extends string, S extends z.ZodObject> {
  readonly type: T
  /** Path of the list, without the slash. */
  readonly plural: Plural
  readonly schema: S
  readonly id: z.ZodType<ResourceId<T>, string>
  readonly columns: readonly string[]
}

/** The provider's own record of an object, as it came. */
export const NativeRecord = z
  .strictObject({
    provider: z.string().meta({ description: 'Which provider it comes from: xapi, libvirt, proxmox.' }),
    class: z.string().meta({ description: "The provider's word for what it is: VM, domain, qemu." }),
    ref: z.string().optional().meta({ description: "The provider's handle, where it has one." }),
    record: z.unknown().meta({ description: 'Everything that the provider says, in its own form.' }),
  })
  .meta({ id: 'NativeRecord', description: "The provider's own record of an object." })
export type NativeRecord = z.infer<typeof NativeRecord>

/** A type, or its plural, as it is written in a sentence. */
function wordOf(type: string): string {
  return type.replace(/^vm/, 'VM').replace(/^nic/, 'NIC')
}

/** The three endpoints that read objects of one type: list with query, sort and page; one; its native record. */
export function readEndpoints<const T extends ResourceType, const Plural extends string, S extends z.ZodObject>(
  spec: ReadSpec<T, Plural, S>,
) {
  const { type, plural, schema, id, columns } = spec
  const word = wordOf(type)
  // Every type of the inventory has `read` in `actionsOf` and `not_found` among its errors.
  const permission = `${type}:read` as Permission & `${T}:read`
  const errors = [`${type}.not_found`] as unknown as readonly [ErrorCode & `${T}.not_found`]
  return {
    list: endpoint({
      method: 'GET',
      path: `/${plural}`,
      summary: `List ${wordOf(plural)}`,
      input: z.strictObject(listInput),
      output: pageOf(schema),
      permission,
      errors: ['query.invalid', 'query.bad_sort', 'query.bad_cursor'],
      cli: { verb: `${type} list`, columns },
    }),
    get: endpoint({
      method: 'GET',
      path: `/${plural}/:id`,
      summary: `Show one ${word}`,
      params: z.strictObject({ id }),
      output: schema,
      permission,
      errors,
      cli: { verb: `${type} get`, args: ['id'] },
    }),
    native: endpoint({
      method: 'GET',
      path: `/${plural}/:id/native`,
      summary: `Show the provider's own record of one ${word}`,
      params: z.strictObject({ id }),
      output: NativeRecord,
      permission,
      errors: [
        ...errors,
        'connection.not_connected',
        'connection.unreachable',
        'connection.timeout',
        'connection.lost',
      ],
      cli: { verb: `${type} native`, args: ['id'] },
    }),
  } as const
}
