import { fault } from '../errors.ts'

/** `OTHER_OPERATION_IN_PROGRESS` for the operations under way on an object; several are worded `{a,b}`. */
export function busy(
  cls: string,
  ref: string,
  current: readonly (readonly [task: string, operation: string])[],
  separator = ',',
): Error {
  const join = (texts: readonly string[]): string =>
    texts.length === 1 ? (texts[0] ?? '') : `{${texts.join(separator)}}`
  return fault(
    'OTHER_OPERATION_IN_PROGRESS',
    cls,
    ref,
    join(current.map(([, op]) => op)),
    join(current.map(([task]) => task)),
  )
}
