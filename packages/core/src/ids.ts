declare const brand: unique symbol

/** A `string` or `number` that can't be taken for another one of the same type. */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name }

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** A UUID in its usual lower-case text form. */
export type Uuid = Brand<string, 'Uuid'>

/** A new random UUID (version 4). */
export function newUuid(): Uuid {
  return crypto.randomUUID() as string as Uuid
}

/** Whether `text` has the form of a UUID, of any version. */
export function isUuid(text: string): text is Uuid {
  return uuidPattern.test(text)
}
