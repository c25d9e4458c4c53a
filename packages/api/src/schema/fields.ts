// The kinds of fields that resources are made of. The unit is kept as metadata of the schema: the query language, OpenAPI,
// tables and sorting read it from there.
import { z } from 'zod'

/** What a number means. `time` is epoch milliseconds, `duration` milliseconds, `fraction` 0 to 1. */
export type Unit = 'bytes' | 'time' | 'duration' | 'fraction' | 'count' | 'rate'

/** Metadata that our field helpers put on a schema. */
export interface FieldMeta {
  readonly unit?: Unit
}

/** A size in bytes. */
export const bytes = (description: string): z.ZodNumber => z.int().nonnegative().meta({ description, unit: 'bytes' })

/** A moment, in epoch milliseconds. */
export const time = (description: string): z.ZodNumber => z.int().meta({ description, unit: 'time' })

/** A length of time, in milliseconds. */
export const duration = (description: string): z.ZodNumber =>
  z.number().nonnegative().meta({ description, unit: 'duration' })

/** A number of things. */
export const count = (description: string): z.ZodNumber => z.int().nonnegative().meta({ description, unit: 'count' })

/** A part of a whole, from 0 to 1. */
export const fraction = (description: string): z.ZodNumber =>
  z.number().min(0).max(1).meta({ description, unit: 'fraction' })

/** Text for people. */
export const text = (description: string): z.ZodString => z.string().meta({ description })

/** Yes or no. */
export const flag = (description: string): z.ZodBoolean => z.boolean().meta({ description })

/** One of a few words. A provider that knows another one uses the closest, or leaves the field out. */
export const word = <const T extends readonly [string, ...string[]]>(
  words: T,
  description: string,
): z.ZodEnum<{ [K in T[number]]: K }> => z.enum(words).meta({ description })

/** Labels that people give; a tag may be `key=value`. */
export const tags: z.ZodArray<z.ZodString> = z
  .array(z.string())
  .meta({ description: 'Labels that people gave, sorted. A tag may have the form key=value.' })
