import { elementOf, parseId, printText, resourceTypes, type Client, type ResourceType } from '@nixen/api'
import { z } from 'zod'
import { cliErrors } from '../errors.ts'
import { callList, callOperation, type Call, type Item } from './call.ts'
import { allFields, answerOf, listOf, shapeOf } from './shape.ts'
import { inside, referenceOf, shapeOfAll } from './values.ts'
import type { EndpointSpec } from '@nixen/api'

/** Asks a server for the objects behind names. */
export interface Names {
  readonly client: Client
  readonly signal: AbortSignal
}

/**
 * Puts ids in the place of names in a call, wherever a schema wants an id: an id stays, a name must be that of one object, and
 * `POOL/NAME` tells objects of different pools apart (DESIGN: identity). Errors: `cli.not_found`, `cli.ambiguous`.
 */
export async function withIds(names: Names, endpoint: EndpointSpec, call: Call): Promise<Call> {
  const schemas = new Map(allFields(endpoint).map(({ name, schema }) => [name, schema]))
  const entries = Object.entries(call).map(async ([name, value]) => {
    const schema = schemas.get(name)
    return [name, schema ? await idsIn(names, schema, value) : value] as const
  })
  return Object.fromEntries(await Promise.all(entries))
}

async function idsIn(names: Names, schema: z.ZodType, value: unknown): Promise<unknown> {
  const type = referenceOf(schema)
  if (type !== undefined && typeof value === 'string') return await idOf(names, type, value)
  const inner = inside(schema)
  if (inner instanceof z.ZodArray && Array.isArray(value)) {
    return await Promise.all(value.map(async (item: unknown) => await idsIn(names, elementOf(inner), item)))
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const shape = inner instanceof z.ZodDiscriminatedUnion ? shapeOfAll(inner) : shapeOf(inner)
  const entries = Object.entries(value).map(async ([name, item]: readonly [string, unknown]) => {
    const field = shape[name]
    return [name, field ? await idsIn(names, field, item) : item] as const
  })
  return Object.fromEntries(await Promise.all(entries))
}

/** The id of the object that `text` names. */
export async function idOf(names: Names, type: string, text: string): Promise<string> {
  if (isResource(type)) {
    if (parseId(text, type)) return text
    return await resourceId(names, type, text)
  }
  const items = await allOf(names, type)
  // What cannot be listed can only be named by its id.
  if (items === undefined || items.some(({ id }) => id === text)) return text
  return choose(
    type,
    text,
    items.filter(({ name }) => name === text),
    () => items.filter(({ name }) => isNear(name, text)),
  )
}

function isResource(type: string): type is ResourceType {
  const types: readonly string[] = resourceTypes
  return types.includes(type)
}

async function resourceId(names: Names, type: ResourceType, text: string): Promise<string> {
  const operation = listOf(type)
  if (!operation) return text
  const find = async (q: string): Promise<readonly Item[]> =>
    (await callList(names.client, operation, { q }, { limit: 50, signal: names.signal })).items
  const splits = [...text.matchAll(/\//g)].map(({ index }) => [text.slice(0, index), text.slice(index + 1)] as const)
  const inPools = splits.filter(([pool, name]) => pool !== '' && name !== '')
  // The query finds by name, id and the provider's id; upper and lower case alike.
  const found = await find(`${type}:${printText(text)}`)
  const exact = found.filter(({ name, id }) => name === text || parseId(String(id))?.key === text)
  if (exact.length > 0 || inPools.length === 0) {
    return await chooseInPools(names, { type, text, found: exact, near: () => find(`name:${printText(text)}`) })
  }
  const perPool = await Promise.all(
    inPools.map(async ([pool, name]) =>
      (await find(`pool:${printText(pool)} ${type}:${printText(name)}`)).filter((item) => item['name'] === name),
    ),
  )
  return await chooseInPools(names, { type, text, found: perPool.flat(), near: async () => [] })
}

interface Choice {
  readonly type: string
  readonly text: string
  readonly found: readonly Item[]
  readonly near: () => Promise<readonly Item[]>
}

async function chooseInPools(names: Names, { type, text, found, near }: Choice): Promise<string> {
  if (found.length === 1) return choose(type, text, found, () => [])
  const others = found.length === 0 ? await near() : []
  const pools = found.length > 1 ? await allOf(names, 'pool') : []
  const poolNames = new Map(pools?.map(({ id, name }) => [id, String(name)]))
  return choose(
    type,
    text,
    found,
    () => others,
    ({ pool }) => poolNames.get(pool),
  )
}

function choose(
  type: string,
  text: string,
  found: readonly Item[],
  near: () => readonly Item[],
  poolOf: (item: Item) => string | undefined = () => undefined,
): string {
  const [only] = found
  if (only && found.length === 1) return String(only['id'])
  if (found.length === 0) {
    throw cliErrors.not_found({
      type,
      name: text,
      near: near()
        .slice(0, 5)
        .map(({ name }) => String(name)),
    })
  }
  const candidates = found.map((item) => {
    const pool = poolOf(item)
    return pool === undefined ? String(item['id']) : `${pool}/${String(item['name'])} (${String(item['id'])})`
  })
  throw cliErrors.ambiguous({ type, name: text, candidates })
}

function isNear(name: unknown, text: string): boolean {
  return typeof name === 'string' && name.toLowerCase().includes(text.toLowerCase())
}

/** All objects of a type; `undefined` when there is no list of them. */
export async function allOf({ client, signal }: Names, type: string): Promise<readonly Item[] | undefined> {
  const operation = listOf(type)
  if (!operation) return undefined
  const answer = answerOf(operation.endpoint)
  if (answer.kind === 'list' && answer.paged) return (await callList(client, operation, {}, { signal })).items
  const listed = await callOperation(client, operation, {}, { signal })
  // `answerOf` says that it is a list.
  return (listed as { readonly items: readonly Item[] }).items
}
