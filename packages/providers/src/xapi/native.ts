import { connectionErrors, parseId, type ResourceId, type ResourceType } from '@nixen/api'
import { isXapiError, type Xapi } from '@nixen/xapi'
import type { NativeObject } from '../provider.ts'

/** Classes that an object of a type may be of, in the order in which they are asked. */
export const xapiClassesOf: Readonly<Record<ResourceType, readonly string[]>> = {
  pool: ['pool'],
  host: ['host'],
  vm: ['VM'],
  template: ['VM'],
  snapshot: ['VM'],
  storage: ['SR'],
  disk: ['VDI'],
  network: ['network'],
  nic: ['VIF', 'PIF'],
  task: ['task'],
  alarm: ['message'],
}

/** The record of an object as the host has it now; `undefined` when it has none. */
export async function fetchNative(
  xapi: Xapi,
  id: ResourceId,
  signal: AbortSignal | undefined,
): Promise<NativeObject | undefined> {
  const parts = parseId(id)
  if (!parts) throw connectionErrors.unsupported({ action: 'read', reason: `${id} is not the id of an object.` })
  for (const className of xapiClassesOf[parts.type]) {
    const found = await fetchRecord(xapi, className, { key: parts.key, signal })
    if (found) return found
  }
  return undefined
}

async function fetchRecord(
  xapi: Xapi,
  className: string,
  { key, signal }: { key: string; signal: AbortSignal | undefined },
): Promise<NativeObject | undefined> {
  try {
    // An object whose uuid made no id is named by its reference.
    const ref = key.startsWith('OpaqueRef:') ? key : await ask(`${className}.get_by_uuid`, key, `ref:${className}`)
    const record = await ask(`${className}.get_record`, ref, `record:${className}`)
    // The result types asked for.
    return { class: className, ref: ref as string, record: plain(record) as Readonly<Record<string, unknown>> }
  } catch (error) {
    if (isXapiError(error, 'UUID_INVALID') || isXapiError(error, 'HANDLE_INVALID')) return undefined
    throw error
  }

  async function ask(method: string, param: unknown, resultType: string): Promise<unknown> {
    return await xapi.call(method, [param], { session: true, resultType, signal })
  }
}

/** Plain JSON: maps as objects, integers beyond 2^53 as text, no NaN. */
export function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value)
  if (typeof value === 'number') return Number.isFinite(value) ? value : null
  if (Array.isArray(value)) return value.map(plain)
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, item]) => [String(key), plain(item)]))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]))
}
