/** Makes an exhaustive `switch` fail to compile when a case is missing, and fail loudly if one slips through. */
export function assertNever(value: never, what = 'value'): never {
  throw new TypeError(`Unexpected ${what}: ${JSON.stringify(value)}`)
}

/** Whether `value` is an object with string keys (not null, not an array). */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
