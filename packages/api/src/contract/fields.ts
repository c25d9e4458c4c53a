import { z } from 'zod'

/** Schema of an object. */
export type ObjectSchema = z.ZodObject<Readonly<Record<string, z.ZodType>>>
/** Schema of a request's query or body: an object, or one of several told apart by a field. */
export type InputSchema = ObjectSchema | z.ZodDiscriminatedUnion<readonly ObjectSchema[]>

/** One field of a request. */
export interface InputField {
  readonly name: string
  /** Without `optional` and `default` around it. */
  readonly schema: z.ZodType
  /** False when it may be left out in some variant. */
  readonly required: boolean
  readonly default?: unknown
  readonly description?: string
}

/** The fields of a request, those of all variants of a union together; what CLI flags and the console's forms are made from. */
export function fieldsOf(schema: InputSchema): readonly InputField[] {
  const variants: readonly ObjectSchema[] = schema instanceof z.ZodDiscriminatedUnion ? schema.options : [schema]
  const found = new Map<string, InputField[]>()
  for (const variant of variants) {
    for (const [name, field] of Object.entries(variant.shape))
      found.set(name, [...(found.get(name) ?? []), inputField(name, field)])
  }
  return [...found.values()].map((same) => together(same, same.length === variants.length))
}

/** The schema inside `optional`, `nullable`, `default` and `readonly`. */
export function unwrap(schema: z.ZodType): z.ZodType {
  let inner: z.core.$ZodType = schema
  while (
    inner instanceof z.ZodOptional ||
    inner instanceof z.ZodDefault ||
    inner instanceof z.ZodPrefault ||
    inner instanceof z.ZodNullable ||
    inner instanceof z.ZodReadonly
  ) {
    inner = inner.unwrap()
  }
  // zod's classic schemas hold classic schemas.
  return inner as z.ZodType
}

/** Whether a value of the schema can be written in a query: text, numbers, booleans, words, and lists of them. */
export function isQueryField(schema: z.ZodType): boolean {
  const inner = unwrap(schema)
  if (inner instanceof z.ZodArray)
    return isQueryField(elementOf(inner)) && !(unwrap(elementOf(inner)) instanceof z.ZodArray)
  return (
    inner instanceof z.ZodString ||
    inner instanceof z.ZodNumber ||
    inner instanceof z.ZodBoolean ||
    inner instanceof z.ZodEnum ||
    inner instanceof z.ZodLiteral
  )
}

/** The schema of the items of a list. */
export function elementOf(schema: z.ZodArray): z.ZodType {
  // zod's classic schemas hold classic schemas.
  return schema.element as z.ZodType
}

function inputField(name: string, schema: z.ZodType): InputField {
  const description = schema.meta()?.description ?? unwrap(schema).meta()?.description
  return {
    name,
    schema: unwrap(schema),
    required: !schema.safeParse(undefined).success,
    ...(schema instanceof z.ZodDefault ? { default: schema.parse(undefined) } : {}),
    ...(description === undefined ? {} : { description }),
  }
}

function together(same: readonly InputField[], everywhere: boolean): InputField {
  const [first, ...others] = same
  if (!first) throw new TypeError('A field of no variant.')
  const required = everywhere && same.every((field) => field.required)
  if (others.length === 0) return { ...first, required }
  // The field that tells the variants apart: one of its words.
  const words = same.flatMap(({ schema }) => (schema instanceof z.ZodLiteral ? [...schema.values].map(String) : []))
  const [word, ...more] = words
  return {
    ...first,
    required,
    schema: words.length === same.length && word !== undefined ? z.enum([word, ...more]) : first.schema,
  }
}
