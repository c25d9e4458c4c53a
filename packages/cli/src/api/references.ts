import { elementOf, type Client, type Operation } from '@nixen/api'
import { isAppError } from '@nixen/core'
import { z } from 'zod'
import type { NixenContext } from '../context.ts'
import { callList, type Item } from './call.ts'
import { isReference, typeOfReference, type NameOf } from './cells.ts'
import { allOf } from './names.ts'
import { answerOf, listOf } from './shape.ts'
import { inside } from './values.ts'

/** A field and what is in it. */
export interface Referring {
  readonly schema: z.ZodType | undefined
  readonly value: unknown
}

/** Ids in one query; it has room for 4096 characters. */
const batch = 50
/** From so many objects on it is quicker to get them all. */
const many = 500

/** Gets the names behind all ids in the fields, each type once. What may not be seen keeps its id. */
export async function namesBehind(
  { signal }: NixenContext,
  client: Client,
  fields: Iterable<Referring>,
): Promise<NameOf> {
  const wanted = new Map<string, Set<string>>()
  for (const { schema, value } of fields) {
    if (schema === undefined) continue
    for (const id of Array.isArray(value) ? value : [value]) {
      if (typeof id !== 'string' || !isReferenceIn(schema)) continue
      const type = typeOfReference(elementIn(schema), id)
      wanted.set(type, (wanted.get(type) ?? new Set()).add(id))
    }
  }
  const found = await Promise.all(
    [...wanted].map(async ([type, ids]) => await namesOf({ signal, client }, type, [...ids])),
  )
  const names = new Map(found.flat())
  return (id) => names.get(id)
}

type Asking = Pick<NixenContext, 'signal'> & { readonly client: Client }

async function namesOf(
  asking: Asking,
  type: string,
  ids: readonly string[],
): Promise<readonly (readonly [string, string])[]> {
  const operation = listOf(type)
  if (!operation) return []
  try {
    const items = await itemsOf(asking, operation, { type, ids })
    return items.flatMap(({ id, name }) => (typeof name === 'string' ? [[String(id), name] as const] : []))
  } catch (error) {
    // Who may see an object may not see all that it refers to.
    if (isAppError(error, 'auth.forbidden')) return []
    throw error
  }
}

async function itemsOf(
  asking: Asking,
  operation: Operation,
  { type, ids }: { readonly type: string; readonly ids: readonly string[] },
): Promise<readonly Item[]> {
  const answer = answerOf(operation.endpoint)
  const isQueried = answer.kind === 'list' && answer.paged && ids[0]?.includes('.') === true
  if (!isQueried || ids.length > many) return (await allOf(asking, type)) ?? []
  const batches = Array.from({ length: Math.ceil(ids.length / batch) }, (_, index) =>
    ids.slice(index * batch, (index + 1) * batch),
  )
  const pages = await Promise.all(
    batches.map(
      async (some) =>
        await callList(asking.client, operation, { q: `${type}:${some.join(',')}` }, { signal: asking.signal }),
    ),
  )
  return pages.flatMap(({ items }) => items)
}

/** The schema of the items of a list, or the schema itself. */
function elementIn(schema: z.ZodType): z.ZodType {
  const inner = inside(schema)
  return inner instanceof z.ZodArray ? elementOf(inner) : schema
}

function isReferenceIn(schema: z.ZodType): boolean {
  return isReference(elementIn(schema))
}
