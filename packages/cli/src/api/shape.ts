import { allEndpoints, elementOf, fieldsOf, type EndpointSpec, type InputField, type Operation } from '@nixen/api'
import { z } from 'zod'
import { inside, referenceOf } from './values.ts'

/** What a command does with the answer of its endpoint. */
export type Answer =
  | { readonly kind: 'list'; readonly item: z.ZodType; readonly paged: boolean }
  | { readonly kind: 'task'; readonly schema: z.ZodType }
  | { readonly kind: 'value'; readonly schema: z.ZodType }
  | { readonly kind: 'stream' }
  | { readonly kind: 'file' }
  | { readonly kind: 'nothing' }

/** What kind of answer an endpoint gives, from its schema. */
export function answerOf({ method, output, stream, download, input }: EndpointSpec): Answer {
  if (stream) return { kind: 'stream' }
  if (download !== undefined) return { kind: 'file' }
  if (!output) return { kind: 'nothing' }
  const inner = inside(output)
  if (!(inner instanceof z.ZodObject)) return { kind: 'value', schema: output }
  const shape = inner.shape as Readonly<Record<string, z.ZodType>>
  // Who only reads has begun nothing.
  if (method !== 'GET' && shape['task'] && referenceOf(shape['task']) === 'task')
    return { kind: 'task', schema: output }
  const items = shape['items'] && inside(shape['items'])
  if (!(items instanceof z.ZodArray)) return { kind: 'value', schema: output }
  const paged = shape['next'] !== undefined && fieldsOf(input ?? z.object({})).some(({ name }) => name === 'cursor')
  return { kind: 'list', item: elementOf(items), paged }
}

/** Parameters and input of an endpoint, as one list of fields. */
export function allFields({ params, input }: EndpointSpec): readonly InputField[] {
  return [...(params ? fieldsOf(params) : []), ...(input ? fieldsOf(input) : [])]
}

/** The fields of an object's schema; none for anything else. */
export function shapeOf(schema: z.ZodType): Readonly<Record<string, z.ZodType>> {
  const inner = inside(schema)
  return inner instanceof z.ZodObject ? inner.shape : {}
}

let lists: ReadonlyMap<string, Operation> | undefined

/** The list in which the objects of a type are, by the format of their ids: its own (`vm.list`) before others that hold some of them. */
export function listOf(type: string): Operation | undefined {
  lists ??= new Map(
    allEndpoints
      .toSorted((a, b) => Number(a.endpoint.cli !== undefined) - Number(b.endpoint.cli !== undefined))
      .flatMap((operation) => {
        const answer = answerOf(operation.endpoint)
        const id = answer.kind === 'list' ? shapeOf(answer.item)['id'] : undefined
        const named = id && referenceOf(id)
        if (named === undefined || operation.endpoint.params) return []
        const own = operation.group === named && operation.name === 'list'
        return [[named, { operation, own }] as const]
      })
      // The last one counts.
      .toSorted(([, a], [, b]) => Number(a.own) - Number(b.own))
      .map(([of, { operation }]) => [of, operation] as const),
  )
  return lists.get(type)
}
