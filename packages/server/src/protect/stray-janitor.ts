import type { ConnectionId, Point, Repository } from '@nixen/api'
import { messageOf, type Clock, type Log } from '@nixen/core'
import type { ChangeToken } from '@nixen/disk'
import type { ProtectActions, Stray } from '@nixen/providers'
import { readStoredVm } from './stored-vm.ts'

/** Two days: no backup takes as long, so what is older belongs to none that runs. */
const settled = 48 * 3600 * 1000
/** Milliseconds between two rounds. */
const night = 24 * 3600 * 1000
/** Milliseconds from the start to the first round: hosts and repositories are there by then. */
const first = 3600 * 1000

export interface StrayJanitorPorts {
  /** Connections that can be asked now. */
  readonly connections: () => readonly ConnectionId[]
  readonly protect: (connection: ConnectionId) => Pick<ProtectActions, 'strays' | 'drop' | 'removeStray'>
  readonly repositories: {
    all(): Iterable<Pick<Repository, 'id' | 'state'>>
    pointsOf(id: Repository['id']): Iterable<Point>
  }
  /** What a restore point keeps in `/vm.json`. @throws repository.* */
  readonly content: (point: Point, signal: AbortSignal) => Promise<unknown>
  /** Whether any backup runs now. */
  readonly busy: () => Promise<boolean>
  readonly clock: Clock
  readonly log: Log
}

/** Every night removes what backups have left on hosts and no restore point builds on any more. */
export function startStrayJanitor(ports: StrayJanitorPorts): AsyncDisposable {
  const stop = new AbortController()
  const { signal } = stop
  const { clock, log } = ports
  const rounds = (async () => {
    for (let pause = first; ; pause = night) {
      await clock.sleep(pause, { signal })
      try {
        await sweepStrays(ports, signal)
      } catch (error) {
        log.warn('leftovers of backups could not be looked for', { error: messageOf(error) })
      }
    }
  })().catch((error: unknown) => {
    if (!signal.aborted) log.error('the janitor of backups stopped', { error: messageOf(error) })
  })
  return {
    async [Symbol.asyncDispose]() {
      stop.abort()
      await rounds
    },
  }
}

/**
 * One round. Gives how many were removed. Nothing is touched while a backup runs, nothing that is younger than two days, nothing of restores
 * (a replaced disk may be somebody's last copy), and nothing that was kept while any repository cannot say what it builds on.
 */
export async function sweepStrays(ports: StrayJanitorPorts, signal: AbortSignal): Promise<number> {
  if (await ports.busy()) return 0
  let removed = 0
  let needed: ReadonlySet<ChangeToken> | undefined
  for (const connection of ports.connections()) {
    const protect = ports.protect(connection)
    const old = (await protect.strays({ signal })).filter((stray) => isOld(stray, ports.clock.now()))
    if (old.some(({ kept }) => kept)) needed ??= await tokensInUse(ports, signal)
    for (const stray of old) {
      signal.throwIfAborted()
      if (await sweep(protect, { stray, needed, signal, log: ports.log })) removed++
    }
  }
  if (removed > 0) ports.log.info('leftovers of backups are removed', { removed })
  return removed
}

function isOld({ kind, time }: Stray, now: number): boolean {
  return kind !== 'restore' && time > 0 && now - time > settled
}

interface Sweeping {
  readonly stray: Stray
  readonly needed: ReadonlySet<ChangeToken> | undefined
  readonly signal: AbortSignal
  readonly log: Log
}

async function sweep(
  protect: Pick<ProtectActions, 'drop' | 'removeStray'>,
  { stray, needed, signal, log }: Sweeping,
): Promise<boolean> {
  const { kept, token, name } = stray
  // A kept snapshot goes with the last of its disks.
  if (kept && (token === undefined || !needed || needed.has(token))) return false
  try {
    if (kept && token !== undefined) await protect.drop(token, { signal })
    else await protect.removeStray(stray, { signal })
    return true
  } catch (error) {
    signal.throwIfAborted()
    log.warn('a leftover of a backup could not be removed', { name, error: messageOf(error) })
    return false
  }
}

/**
 * Tokens that the next backup of some VM builds on: those of the newest point of each VM in each repository. `undefined` when a repository
 * cannot be used now: what is in it is not known for sure.
 */
async function tokensInUse({ repositories, content }: StrayJanitorPorts, signal: AbortSignal) {
  const tokens = new Set<ChangeToken>()
  for (const { id, state } of repositories.all()) {
    if (state !== 'ready') return undefined
    const newest = new Map<string, Point>()
    for (const point of repositories.pointsOf(id)) {
      if ((newest.get(point.path)?.time ?? 0) < point.time) newest.set(point.path, point)
    }
    for (const point of newest.values()) {
      const stored = readStoredVm(await content(point, signal))
      for (const token of Object.values(stored?.tokens ?? {})) tokens.add(token)
    }
  }
  return tokens
}
