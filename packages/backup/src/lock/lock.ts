import { hostname as localHostname, userInfo } from 'node:os'
import { isAppError, isRecord, systemCode, type Clock } from '@nixen/core'
import { backupErrors } from '../errors.ts'
import type { Repository, SignalOption } from '../repository/repository.ts'

/** A lock file as restic writes it (design document, "Locks"). */
export interface LockInfo {
  readonly name: string
  /** Epoch milliseconds of the last refresh. */
  readonly time: number
  readonly exclusive: boolean
  readonly hostname: string
  readonly username: string
  readonly pid: number
}

/** A lock that is not refreshed for this long is dead, whoever holds it. */
export const staleAfter: number = 30 * 60_000
const refreshEvery = 5 * 60_000
/** The lock is given up when it could not be refreshed for this long: before others may take it for dead. */
const giveUpAfter = 20 * 60_000
/** Pause between writing a lock and looking for others again, as restic does, so that of two that write at once both see the other. */
const recheckPause = 200

export interface LockOptions extends SignalOption {
  /** Exclusive for prune and repair; shared (the default) for everything else that writes, and for reading. */
  readonly exclusive?: boolean
  /** How long to wait for others, in milliseconds; not at all when left out. */
  readonly wait?: number
  /** Who this is; the machine and process when left out. */
  readonly holder?: { hostname: string; pid: number; username: string }
}

/** A lock that is held and refreshed until it is disposed of. */
export interface RepositoryLock extends AsyncDisposable {
  readonly exclusive: boolean
  /** Aborted with `backup.lock_lost` when the lock is gone: stop then, at once. */
  readonly signal: AbortSignal
  /** Throws `backup.lock_lost` unless the lock file is still there. Ask before what cannot be undone. */
  assertHeld(): Promise<void>
}

/**
 * Takes restic's lock on a repository. Dead locks (not refreshed for 30 minutes, or of a process of this machine that is gone) are removed.
 *
 * Errors: `backup.repository_locked` (retryable), storage's.
 */
export async function lockRepository(repository: Repository, options: LockOptions = {}): Promise<RepositoryLock> {
  const { exclusive = false, wait = 0, signal } = options
  const { clock } = repository
  const until = clock.monotonic() + wait
  for (;;) {
    try {
      const holder = options.holder ?? thisProcess()
      await assertFree(repository, { exclusive, holder, signal })
      const name = await writeLock(repository, { exclusive, holder, signal })
      try {
        await clock.sleep(recheckPause, { signal })
        await assertFree(repository, { exclusive, holder, signal, except: name })
      } catch (error) {
        await repository.storage.remove({ kind: 'lock', name })
        throw error
      }
      return new HeldLock(repository, { exclusive, holder, name })
    } catch (error) {
      if (!isAppError(error, 'backup.repository_locked') || clock.monotonic() >= until) throw error
      await clock.sleep(Math.min(5000, Math.max(until - clock.monotonic(), 1)), { signal })
    }
  }
}

class HeldLock implements RepositoryLock {
  readonly exclusive: boolean
  readonly #repository: Repository
  readonly #holder: Holder
  readonly #lost = new AbortController()
  readonly #stop = new AbortController()
  readonly #loop: Promise<void>
  #name: string
  #refreshed: number

  constructor(repository: Repository, init: { exclusive: boolean; holder: Holder; name: string }) {
    this.#repository = repository
    this.#holder = init.holder
    this.exclusive = init.exclusive
    this.#name = init.name
    this.#refreshed = repository.clock.monotonic()
    this.#loop = this.#refreshUntilStopped(repository.clock)
  }

  get signal(): AbortSignal {
    return this.#lost.signal
  }

  async assertHeld(): Promise<void> {
    this.#lost.signal.throwIfAborted()
    if (await this.#repository.storage.stat({ kind: 'lock', name: this.#name })) return
    this.#lose()
    this.#lost.signal.throwIfAborted()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#loop
    await this.#repository.storage.remove({ kind: 'lock', name: this.#name })
  }

  async #refreshUntilStopped(clock: Clock): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted && !this.#lost.signal.aborted) {
      await clock.sleep(refreshEvery, { signal }).catch(() => undefined)
      if (signal.aborted) return
      try {
        await this.#refresh()
        this.#refreshed = clock.monotonic()
      } catch {
        // A storage that does not answer now may do so in five minutes; a lock that gets too old is given up.
        if (clock.monotonic() - this.#refreshed > giveUpAfter) this.#lose()
      }
    }
  }

  /** The new lock file is there before the old one goes. */
  async #refresh(): Promise<void> {
    if (!(await this.#repository.storage.stat({ kind: 'lock', name: this.#name }))) return this.#lose()
    const old = this.#name
    this.#name = await writeLock(this.#repository, { exclusive: this.exclusive, holder: this.#holder })
    await this.#repository.storage.remove({ kind: 'lock', name: old })
  }

  #lose(): void {
    this.#lost.abort(backupErrors.lock_lost({ lock: this.#name.slice(0, 12) }))
  }
}

interface Holder {
  readonly hostname: string
  readonly pid: number
  readonly username: string
}

/** All locks; those that can't be read (of another key, or gone meanwhile) are left out. */
export async function listLocks(repository: Repository, options: SignalOption = {}): Promise<LockInfo[]> {
  const locks: LockInfo[] = []
  for await (const { name, size } of repository.storage.list('lock', options)) {
    // What a crash of a storage without durable writes leaves; restic passes over these as well.
    if (size === 0) continue
    try {
      locks.push(decodeLock(name, await repository.loadUnpacked('lock', name, options)))
    } catch (error) {
      if (!isAppError(error, 'storage.not_found')) throw error
    }
  }
  return locks
}

/** Whether nobody can hold this lock any more. `local` is this machine's name. */
export function isStale(lock: LockInfo, now: number, local: string = localHostname()): boolean {
  if (now - lock.time > staleAfter) return true
  return lock.hostname === local && !isAlive(lock.pid)
}

/** Removes dead locks, with `all` every lock; the ones that were removed. */
export async function unlock(
  repository: Repository,
  options: SignalOption & { all?: boolean } = {},
): Promise<LockInfo[]> {
  const removed: LockInfo[] = []
  for (const lock of await listLocks(repository, options)) {
    if (!options.all && !isStale(lock, repository.clock.now())) continue
    await repository.storage.remove({ kind: 'lock', name: lock.name }, options)
    removed.push(lock)
  }
  return removed
}

async function assertFree(
  repository: Repository,
  options: SignalOption & { exclusive: boolean; holder: Holder; except?: string },
): Promise<void> {
  for (const lock of await listLocks(repository, options)) {
    if (lock.name === options.except) continue
    if (isStale(lock, repository.clock.now(), options.holder.hostname)) {
      await repository.storage.remove({ kind: 'lock', name: lock.name }, options)
      continue
    }
    if (!options.exclusive && !lock.exclusive) continue
    throw backupErrors.repository_locked({
      holder: `${lock.username}@${lock.hostname} (process ${lock.pid})`,
      since: new Date(lock.time).toISOString(),
      exclusive: lock.exclusive,
    })
  }
}

async function writeLock(
  repository: Repository,
  { exclusive, holder, signal }: SignalOption & { exclusive: boolean; holder: Holder },
): Promise<string> {
  const document = {
    time: new Date(repository.clock.now()).toISOString(),
    exclusive,
    hostname: holder.hostname,
    username: holder.username,
    pid: holder.pid,
    uid: process.getuid?.() ?? 0,
    gid: process.getgid?.() ?? 0,
  }
  return repository.saveUnpacked('lock', Buffer.from(JSON.stringify(document)), { signal })
}

function decodeLock(name: string, bytes: Uint8Array): LockInfo {
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch (error) {
    throw backupErrors.file_damaged({ file: `lock/${name}`, reason: 'it is not JSON' }, { cause: error })
  }
  const lock = isRecord(value) ? value : {}
  return {
    name,
    // A lock without a readable time counts as just made: never as dead.
    time: Date.parse(text(lock['time'])) || Date.now(),
    exclusive: lock['exclusive'] === true,
    hostname: text(lock['hostname']),
    username: text(lock['username']),
    pid: Number(lock['pid'] ?? 0),
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return true
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it lives, and belongs to somebody else.
    return systemCode(error) !== 'ESRCH'
  }
}

function thisProcess(): Holder {
  let username = 'unknown'
  try {
    username = userInfo().username
  } catch {
    // A container without an entry for this user.
  }
  return { hostname: localHostname(), pid: process.pid, username }
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
