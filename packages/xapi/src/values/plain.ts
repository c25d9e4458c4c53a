/** Stands for every empty set: there are millions of them in a large pool. Frozen. */
export const emptySet: readonly never[] = Object.freeze([])

/** Stands for every empty map with text keys. Frozen. */
export const emptyMap: Readonly<Record<string, never>> = Object.freeze({})

/** The wire form of "no object". */
export const nullRef = 'OpaqueRef:NULL'

/** Sets a member as data whatever its name is: `__proto__` from a host must not change the object's prototype. */
export function setMember(object: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__') {
    Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true })
  } else {
    object[key] = value
  }
}

const decimalPattern = /^[+-]?\d{1,30}$/

/** An integer from its decimal text: a `bigint` beyond 2^53, `undefined` when the text is no integer of 64 bits. */
export function parseInteger(text: string): number | bigint | undefined {
  if (!decimalPattern.test(text)) return undefined
  const number = Number(text)
  // Not -0: an integer has no negative zero.
  if (Number.isSafeInteger(number)) return number + 0
  const exact = BigInt(text)
  return BigInt.asIntN(64, exact) === exact ? exact : undefined
}

const floatPattern = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i
const specialFloats: ReadonlyMap<string, number> = new Map([
  ['nan', Number.NaN],
  ['-nan', Number.NaN],
  ['inf', Infinity],
  ['+inf', Infinity],
  ['-inf', -Infinity],
  ['infinity', Infinity],
  ['+infinity', Infinity],
  ['-infinity', -Infinity],
])

/** A float from its text, `nan` and `inf` in the spellings of C, OCaml and JavaScript; `undefined` when the text is none. */
export function parseFloatText(text: string): number | undefined {
  return floatPattern.test(text) ? Number(text) : specialFloats.get(text.toLowerCase())
}
