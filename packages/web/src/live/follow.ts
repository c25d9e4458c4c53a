import { createClient, type Client, type ClientOptions, type Delta } from '@nixen/api'
import { backoff, isAppError, systemClock, type Clock } from '@nixen/core'
import type { InventoryStore } from './inventory-store.ts'
import type { Value } from '../value.ts'

/** How fresh the screen is. `heard` is when the server was heard last, in epoch milliseconds. */
export type LiveStatus =
  | { readonly kind: 'loading' }
  | { readonly kind: 'live' }
  | { readonly kind: 'lost'; readonly since: number }

export interface FollowPorts {
  readonly store: InventoryStore
  readonly status: Value<LiveStatus>
  readonly client: Omit<ClientOptions, 'clock'>
  readonly signal: AbortSignal
  /** What the user may do has changed. */
  readonly onPermissions: () => void
  readonly clock?: Clock
}

/**
 * Keeps `store` as the server's inventory until the signal or the end of the session: a snapshot, then its deltas; after a break the deltas
 * go on where they ended, after a `reset` comes a new snapshot. What is there stays meanwhile.
 */
export async function followInventory(ports: FollowPorts): Promise<void> {
  const { status, signal, clock = systemClock } = ports
  const watch = watchedClient(ports, clock)
  for (let attempt = 0; !signal.aborted; attempt++) {
    try {
      await followView(watch, ports)
      attempt = -1
    } catch (error) {
      if (signal.aborted || (isAppError(error) && error.status === 401)) return
      lost(status, clock)
    }
    if (attempt >= 0) await clock.sleep(backoff(attempt, { base: 500, max: 15_000 }), { signal }).catch(() => undefined)
  }
}

async function followView(client: Client, { store, status, signal, onPermissions }: FollowPorts): Promise<void> {
  const snapshot = await client.inventory.snapshot({}, { signal })
  store.load(snapshot)
  status.set(live)
  const since = `${snapshot.view}.${snapshot.seq}`
  for await (const event of client.inventory.events({ since }, { signal })) {
    status.set(live)
    // The schema of the contract says less than the type: the fields of `set` depend on the type.
    if (event.event === 'deltas') store.apply(event.data as unknown as readonly Delta[])
    if (event.event !== 'reset') continue
    if (event.data.reason === 'permissions') onPermissions()
    return
  }
}

const live: LiveStatus = { kind: 'live' }

function lost(status: Value<LiveStatus>, clock: Clock): void {
  if (status.get().kind === 'live') status.set({ kind: 'lost', since: clock.now() })
}

/** The client, with an eye on its streams: the iterable of events mends breaks by itself and says nothing of them. */
function watchedClient({ client, status }: FollowPorts, clock: Clock): Client {
  const send = client.fetch ?? fetch
  const watched: typeof fetch = async (input, init) => {
    try {
      const response = await send(input, init)
      if (!response.ok && response.status !== 401) lost(status, clock)
      // The first snapshot is not there before it is read.
      if (response.ok && status.get().kind === 'lost') status.set(live)
      const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') === true
      if (!isStream || !response.body) return response
      return new Response(
        tapped(response.body, () => lost(status, clock)),
        response,
      )
    } catch (error) {
      lost(status, clock)
      throw error
    }
  }
  return createClient({ ...client, fetch: watched, clock })
}

/** The same bytes; calls `onEnd` when they end or break off. */
function tapped(body: ReadableStream<Uint8Array>, onEnd: () => void): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  return new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await reader.read()
        if (!done) return controller.enqueue(value)
        onEnd()
        controller.close()
      } catch (error) {
        onEnd()
        controller.error(error)
      }
    },
    cancel: async (reason) => await reader.cancel(reason),
  })
}
