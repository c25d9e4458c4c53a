import { maxPage, type CallOptions, type Client, type Operation, type UploadOptions } from '@nixen/api'

/** What is sent: parameters and input. */
export type Call = Readonly<Record<string, unknown>>
/** An object of an answer. */
export type Item = Readonly<Record<string, unknown>>

/** Calls an operation that is known by name only. */
export async function callOperation(
  client: Client,
  { group, name }: Operation,
  call: Call,
  options: CallOptions & Partial<UploadOptions>,
): Promise<unknown> {
  return await methodOf(client, group, name)(call, options)
}

/** Opens a stream that is known by name only. */
export function streamOperation(
  client: Client,
  { group, name }: Operation,
  call: Call,
  options: CallOptions,
): AsyncIterable<{ readonly event: string; readonly id?: string; readonly data: unknown }> {
  // `followEvents` behind every endpoint with a stream.
  return methodOf(client, group, name)(call, options) as unknown as ReturnType<typeof streamOperation>
}

type Method = (call: Call, options: CallOptions & Partial<UploadOptions>) => Promise<unknown>

function methodOf(client: Client, group: string, name: string): Method {
  const groups: Readonly<Record<string, object>> = client
  const found = Object.entries(groups[group] ?? {}).find(([key]) => key === name)
  if (!found) throw new TypeError(`The client has no ${group}.${name}.`)
  // `createClient` makes one of these for each endpoint.
  return found[1] as Method
}

/** A list, whole or up to a limit. */
export interface Listed {
  readonly items: readonly Item[]
  readonly total: number
  /** Where it goes on when the limit cut it off. */
  readonly next?: string
}

/** Gets a list page by page, all of it or `limit` objects. */
export async function callList(
  client: Client,
  operation: Operation,
  call: Call,
  { limit, signal }: CallOptions & { readonly limit?: number | undefined },
): Promise<Listed> {
  const items: Item[] = []
  let cursor = call['cursor']
  for (;;) {
    const room = limit === undefined ? maxPage : Math.min(maxPage, limit - items.length)
    const page = await callOperation(client, operation, { ...call, limit: room, cursor }, { signal })
    // Every paged endpoint answers with this (`pageOf`).
    const { items: found, total, next } = page as { items: readonly Item[]; total: number; next?: string }
    items.push(...found)
    if (next === undefined) return { items, total }
    if (limit !== undefined && items.length >= limit) return { items, total, next }
    cursor = next
  }
}
