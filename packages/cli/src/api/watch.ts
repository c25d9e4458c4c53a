import { demandQuery, inventorySchemas, queryTable, type Client, type InventoryType } from '@nixen/api'
import { connect, plainFailure } from '../connect/connect.ts'
import { Interrupted, type NixenContext } from '../context.ts'
import { formatDate } from '../output/date.ts'
import { plain } from '../output/plain.ts'
import type { Item } from './call.ts'
import { cellText } from './cells.ts'
import { shapeOf } from './shape.ts'
import type { WatchFlags } from './watch-route.ts'

/** A change of an object, as the stream brings it. */
interface Change {
  readonly type: string
  readonly id: string
  readonly set?: Item | undefined
  readonly unset?: readonly string[] | undefined
  readonly gone?: true | undefined
}

/** `nixen TYPE watch`: a line for each change, until interrupted. */
export async function watch(context: NixenContext, flags: WatchFlags, type: InventoryType): Promise<void> {
  const client = await connect(context, flags)
  try {
    // A query that is wrong is said before anything is asked for.
    demandQuery(flags.q ?? '', queryTable(type), { now: context.clock.now() })
    for (;;) await watchView(context, client, { flags, type })
  } catch (error) {
    // Ctrl-C is how it ends.
    const { reason } = context.signal
    if (reason instanceof Interrupted && reason.signalName === 'SIGINT') return
    // Another signal broke off what was asked of the server, which is no fault of the server.
    if (reason instanceof Interrupted) throw reason
    throw plainFailure(error, context.process.env ?? {})
  }
}

/** Follows one view of the inventory; returns when the server says that it must be begun anew. */
async function watchView(
  context: NixenContext,
  client: Client,
  { flags, type }: { readonly flags: WatchFlags; readonly type: InventoryType },
): Promise<void> {
  const { signal } = context
  // Objects that a query asks for by name (host:xen-1) are of other types: all are needed to know their names.
  const types = flags.q === undefined ? [type] : undefined
  const snapshot = await client.inventory.snapshot({ types }, { signal })
  const objects = new Map<string, Item>()
  const all: Readonly<Record<string, readonly Item[]>> = snapshot.objects
  for (const items of Object.values(all)) for (const item of items) objects.set(String(item['id']), item)
  const nameOf = (id: string): string | undefined => textIn(objects.get(id), 'name')
  const matches = (item: Item): boolean =>
    demandQuery(flags.q ?? '', queryTable(type), { now: context.clock.now(), nameOf })(item)

  const since = `${snapshot.view}.${snapshot.seq}`
  for await (const { event, data } of client.inventory.events({ since, types }, { signal })) {
    if (event === 'reset') return
    if (event !== 'deltas') continue
    for (const change of data as readonly Change[]) {
      const before = objects.get(change.id)
      const after = changed(before, change)
      if (after) objects.set(change.id, after)
      else objects.delete(change.id)
      const shown = (before !== undefined && matches(before)) || (after !== undefined && matches(after))
      if (change.type === type && shown) write(context, flags, { change, before, after, type, nameOf })
    }
  }
}

function changed(before: Item | undefined, { set, unset = [], gone }: Change): Item | undefined {
  if (gone) return undefined
  const after = { ...before, ...set }
  return Object.fromEntries(Object.entries(after).filter(([name]) => !unset.includes(name)))
}

interface Seen {
  readonly change: Change
  readonly before: Item | undefined
  readonly after: Item | undefined
  readonly type: InventoryType
  readonly nameOf: (id: string) => string | undefined
}

function write({ process: { stdout }, clock }: NixenContext, flags: WatchFlags, seen: Seen): void {
  const { change, before, after } = seen
  const at = clock.now()
  if (flags.json) {
    stdout.write(`${JSON.stringify({ at, ...change })}\n`)
    return
  }
  const name = plain(textIn(after ?? before, 'name') ?? change.id)
  const what = change.gone ? 'gone' : before === undefined ? 'new' : fieldsText(seen)
  stdout.write(`${formatDate(at)}  ${name}  ${what}\n`)
}

/** `power: halted → running, host: - → xen-1` */
function fieldsText({ change, before, after, type, nameOf }: Seen): string {
  const shape = shapeOf(inventorySchemas[type])
  return [...Object.keys(change.set ?? {}), ...(change.unset ?? [])]
    .map((field) => {
      const [old, now] = [before, after].map((item) => cellText(shape[field], item?.[field], nameOf))
      // Of a list of things only their number is shown.
      return old === now ? `${field} changed` : `${field}: ${old} → ${now}`
    })
    .join(', ')
}

function textIn(item: Item | undefined, field: string): string | undefined {
  const value = item?.[field]
  return typeof value === 'string' ? value : undefined
}
