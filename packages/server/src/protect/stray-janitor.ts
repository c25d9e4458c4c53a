import type { ConnectionId, Point, Repository } from '@nixen/api'
import { messageOf, type Clock, type Log } from '@nixen/core'
import type { ChangeToken } from '@nixen/disk'
import type { ProtectActions, Stray } from '@nixen/providers'
import type { JobWants } from './selected-vms.ts'
import { readStoredVm } from './stored-vm.ts'

/** Two days: no backup takes as long, so what is older belongs to none that runs. */
const settled = 48 * 3600 * 1000
/** Milliseconds between two rounds. */
const night = 24 * 3600 * 1000
/** Milliseconds from the start to the first round: hosts and repositories are there by then. */
const first = 3600 * 1000
/** Milliseconds from the deletion of a job to a round for what it left; and again when a backup runs then. */
const soon = 1000
const later = 600_000

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
  /** What others build on than restore points; `undefined` while that is not known. */
  readonly otherTokens?: ((signal: AbortSignal) => Promise<ReadonlySet<ChangeToken> | undefined>) | undefined
  /** The jobs that there are, and which VMs they bring into each repository. */
  readonly wants: () => Promise<JobWants>
  /** Calls the listener with the id of each job that is deleted. */
  readonly onJobGone: (listener: (id: string) => void) => void
  /** Whether any backup runs now. */
  readonly busy: () => Promise<boolean>
  readonly clock: Clock
  readonly log: Log
}

/** Every night, and when a job is deleted, removes what backups have left on hosts and no restore point builds on any more. */
export function startStrayJanitor(ports: StrayJanitorPorts): AsyncDisposable {
  const stop = new AbortController()
  const { signal } = stop
  const { clock, log } = ports
  const gone = new Set<string>()
  let wake = new AbortController()
  ports.onJobGone((id) => {
    gone.add(id)
    wake.abort()
  })
  const rounds = (async () => {
    for (let pause = first; ;) {
      wake = new AbortController()
      await clock.sleep(pause, { signal: AbortSignal.any([signal, wake.signal]) }).catch(() => undefined)
      if (!signal.aborted && wake.signal.aborted) await clock.sleep(soon, { signal })
      signal.throwIfAborted()
      pause = night
      try {
        const looked = [...gone]
        if (await sweepStrays(ports, { signal, gone })) for (const id of looked) gone.delete(id)
        else if (gone.size > 0) pause = later
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
 * One round. Nothing is touched while a backup runs, nothing that is younger than two days unless a job that was deleted just now made it,
 * nothing of restores (a replaced disk may be somebody's last copy), and nothing that was kept while any repository cannot say what it builds on.
 *
 * @param gone jobs that were deleted since the last round
 * @returns whether it could be done
 */
export async function sweepStrays(
  ports: StrayJanitorPorts,
  { signal, gone = new Set() }: { readonly signal: AbortSignal; readonly gone?: ReadonlySet<string> },
): Promise<boolean> {
  if (await ports.busy()) return false
  let removed = 0
  let needed: ((stray: Stray) => boolean) | undefined
  for (const connection of ports.connections()) {
    const protect = ports.protect(connection)
    const found = (await protect.strays({ signal })).filter((stray) => isOld(stray, ports.clock.now(), gone))
    if (found.some(({ kept }) => kept)) needed ??= await neededStrays(ports, signal)
    for (const stray of found) {
      signal.throwIfAborted()
      if (await sweep(protect, { stray, needed, signal, log: ports.log })) removed++
    }
  }
  if (removed > 0) ports.log.info('leftovers of backups are removed', { removed })
  return true
}

function isOld({ kind, time, owner }: Stray, now: number, gone: ReadonlySet<string>): boolean {
  return kind !== 'restore' && (gone.has(owner) || (time > 0 && now - time > settled))
}

interface Sweeping {
  readonly stray: Stray
  /** `undefined`: that is not known now. */
  readonly needed: ((stray: Stray) => boolean) | undefined
  readonly signal: AbortSignal
  readonly log: Log
}

async function sweep(
  protect: Pick<ProtectActions, 'drop' | 'removeStray'>,
  { stray, needed, signal, log }: Sweeping,
): Promise<boolean> {
  const { kept, token, name } = stray
  // A kept snapshot goes with the last of its disks.
  if (kept && (token === undefined || !needed || needed(stray))) return false
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
 * What the next backup of some VM builds on: the tokens of the newest point of each VM in each repository; of a job that is deleted, only where
 * another one brings the VM into the same repository. `undefined` when a repository cannot be used now: what is in it is not known for sure.
 */
async function neededStrays(
  { repositories, content, wants, otherTokens }: StrayJanitorPorts,
  signal: AbortSignal,
): Promise<((stray: Stray) => boolean) | undefined> {
  const others = otherTokens ? await otherTokens(signal) : new Set<ChangeToken>()
  if (!others) return undefined
  const tokens = new Set<ChangeToken>()
  const wanted = new Set<ChangeToken>(others)
  const { jobs, vms } = await wants()
  for (const { id, state } of repositories.all()) {
    if (state !== 'ready') return undefined
    const newest = new Map<string, Point>()
    for (const point of repositories.pointsOf(id)) {
      if ((newest.get(point.path)?.time ?? 0) < point.time) newest.set(point.path, point)
    }
    for (const point of newest.values()) {
      const stored = readStoredVm(await content(point, signal))
      const goesOn = point.uuid !== undefined && vms.get(id)?.has(point.uuid) === true
      for (const token of Object.values(stored?.tokens ?? {})) (goesOn ? wanted : tokens).add(token)
    }
  }
  return ({ token, owner }) => token !== undefined && (wanted.has(token) || (tokens.has(token) && jobs.has(owner)))
}
