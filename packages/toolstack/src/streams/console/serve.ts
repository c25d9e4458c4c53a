import type { Duplex } from 'node:stream'
import type { Enums, Ref } from '../../generated/rows.ts'
import type { Pool } from '../../pool/pool.ts'
import { serveRfb } from './rfb.ts'
import { greeting } from './screens.ts'
import { isShownBy } from './target.ts'
import { serveVt100 } from './vt100.ts'

/** How often the cursor blinks, and it is looked whether the machine still runs here, milliseconds. */
const beat = 1000

interface Serving {
  readonly vm: Ref<'VM'>
  readonly protocol: Enums['console_protocol']
  /** What is counted when only one may look at a console. */
  readonly name: string
  readonly host: Ref<'host'>
  readonly bytes: Duplex
}

/** Shows a console until the client leaves, or the machine stops or goes to another host. */
export async function serveConsole(pool: Pool, serving: Serving): Promise<void> {
  const { vm, protocol, name, bytes } = serving
  using _viewer = pool.screens.enter(name)
  const ended = new AbortController()
  const beating = keepTime(pool, serving, ended.signal)
  try {
    const title = pool.db.get('VM', vm).name_label
    if (protocol === 'rfb') await serveRfb(bytes, { name: title, screen: pool.screens.of(vm) })
    else await serveVt100(bytes, { text: greeting(pool.db, vm) })
  } finally {
    ended.abort()
    await beating
  }
}

/** Ends the connection when there is no more to show. */
async function keepTime(pool: Pool, { vm, protocol, host, bytes }: Serving, ended: AbortSignal): Promise<void> {
  while (!ended.aborted && isShownBy(pool, vm, host)) {
    // It only rejects when the client has left.
    await pool.clock.sleep(beat, { signal: ended }).catch(() => undefined)
    if (!ended.aborted && protocol === 'rfb' && isShownBy(pool, vm, host)) pool.screens.of(vm).blink()
  }
  // The end of a WebSocket is told before it comes.
  if (!ended.aborted) bytes.end(() => bytes.destroy())
}
