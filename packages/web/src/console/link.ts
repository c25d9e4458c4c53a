import { consoleEnds, consoleSubprotocols, type ConsoleEnd, type HostId, type VmId } from '@nixen/api'
import { basePath } from '../base.ts'
import { client } from '../session/session.ts'

export type ConsoleKind = 'vnc' | 'text'

/** What a console belongs to. */
export type ConsoleOf = { readonly type: 'vm'; readonly id: VmId } | { readonly type: 'host'; readonly id: HostId }

/** Asks for a ticket and opens the WebSocket. Throws what the server answers: `console.none`, `request.not_allowed`, … */
export async function openLink(
  of: ConsoleOf,
  input: { readonly kind: ConsoleKind; readonly viewOnly: boolean },
  signal: AbortSignal,
): Promise<WebSocket> {
  const { ticket } =
    of.type === 'vm'
      ? await client.vm.console({ id: of.id, ...input }, { signal })
      : await client.host.console({ id: of.id, ...input }, { signal })
  signal.throwIfAborted()
  const url = new URL(`${basePath}api/v1/console`, location.href)
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  const socket = new WebSocket(url, [...consoleSubprotocols(ticket)])
  socket.binaryType = 'arraybuffer'
  return socket
}

/** Why a console ended; `lost` when the connection broke off. */
export function endOf(code: number): ConsoleEnd | 'lost' {
  const known = Object.entries(consoleEnds).find(([, end]) => end.code === code)
  // The keys of that table are its ends.
  return known ? (known[0] as ConsoleEnd) : 'lost'
}

/** Ends after which opening it again may help, without anybody doing something first. */
const mending: ReadonlySet<string> = new Set(['host', 'lost', 'stopping', 'silent', 'failed'])

/** Milliseconds until it is opened again; `undefined` when that is for people. */
export function pauseAfter(end: ConsoleEnd | 'lost', attempt: number): number | undefined {
  return mending.has(end) ? Math.min(15_000, 1000 * 2 ** attempt) : undefined
}
