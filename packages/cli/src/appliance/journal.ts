import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { messageOf, systemCode } from '@nixen/core'
import { z } from 'zod'
import { applianceErrors } from './errors.ts'

/**
 * The steps of a run, in order. A step is written down before it begins, so that whoever comes after a crash knows what may have happened:
 * up to `snapshot` nothing of the machine was touched; from `activate` on the new system may run, but the old one is what boots; from
 * `commit` on the new one has answered, and is what shall boot.
 */
export const steps = ['prepare', 'inputs', 'build', 'snapshot', 'activate', 'health', 'commit', 'publish'] as const
export type Step = (typeof steps)[number]

const openRun = z.strictObject({
  id: z.string(),
  kind: z.string(),
  step: z.enum(steps),
  /** Epoch milliseconds. */
  startedAt: z.number(),
  /** Changes when the machine starts. */
  boot: z.string(),
  previous: z.strictObject({ system: z.string(), generation: z.number() }),
  /** The new system, once it is built. */
  target: z.string().nullable(),
  /** Whether inputs are updated: then there is a lock file to publish. */
  publishes: z.boolean(),
  /** SHA-256 of the user's flake.lock when the run began; empty when there was none. */
  lockBefore: z.string(),
})

/** A run that has not ended. */
export type OpenRun = z.output<typeof openRun>

const pastRun = z.strictObject({
  id: z.string(),
  kind: z.string(),
  startedAt: z.number(),
  endedAt: z.number(),
  outcome: z.enum(['updated', 'unchanged', 'failed', 'rolled-back', 'interrupted']),
  previous: z.string(),
  target: z.string().nullable(),
  message: z.string(),
})

/** How a run ended. */
export type PastRun = z.output<typeof pastRun>

/** The memory of the machine's updates. */
export interface Journal extends Disposable {
  readonly directory: string
  open(): OpenRun | undefined
  write(run: OpenRun): void
  /** Ends the open run: it goes to the history, and then is open no more. */
  end(run: PastRun): void
}

/** Reads how runs ended, the newest last. */
export function readHistory(directory: string): readonly PastRun[] {
  const lines = (readIfThere(join(directory, 'history.jsonl')) ?? '').split('\n')
  return lines.flatMap((line) => {
    try {
      return [pastRun.parse(JSON.parse(line))]
    } catch {
      // The last line of a machine that lost power, or a newer version's: the others still say what they say.
      return []
    }
  })
}

/** The run that has not ended. @throws appliance.state_damaged */
export function readOpenRun(directory: string): OpenRun | undefined {
  const path = join(directory, 'run.json')
  const text = readIfThere(path)
  if (text === undefined) return undefined
  try {
    return openRun.parse(JSON.parse(text))
  } catch (cause) {
    throw applianceErrors.state_damaged({ path, reason: messageOf(cause).split('\n')[0] ?? '' }, { cause })
  }
}

/** Takes the journal for this process alone, until it is disposed of or the process ends. @throws appliance.busy, appliance.state_unusable */
export function openJournal(directory: string): Journal {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw applianceErrors.state_unusable({ directory, reason: messageOf(cause) }, { cause })
  }
  const lock = takeLock(directory)
  const path = join(directory, 'run.json')
  return {
    directory,
    open: () => readOpenRun(directory),
    write: (run) => writeDurably(path, JSON.stringify(run)),
    end(run) {
      appendDurably(join(directory, 'history.jsonl'), `${JSON.stringify(run)}\n`)
      rmSync(path, { force: true })
      syncPath(directory)
    },
    [Symbol.dispose]: () => lock.close(),
  }
}

/** SQLite holds the system's own record lock, which goes with the process, also by kill -9. Node has no `flock`. */
function takeLock(directory: string): DatabaseSync {
  let lock: DatabaseSync | undefined
  try {
    lock = new DatabaseSync(join(directory, 'lock'))
    lock.exec('PRAGMA busy_timeout = 0; PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE')
    return lock
  } catch (cause) {
    lock?.close()
    const reason = messageOf(cause)
    throw reason.includes('locked')
      ? applianceErrors.busy({ directory }, { cause })
      : applianceErrors.state_unusable({ directory, reason }, { cause })
  }
}

/** Writes beside, makes durable, renames: there is always one whole file. */
export function writeDurably(path: string, text: string, mode = 0o600): void {
  const part = `${path}.part`
  rmSync(part, { force: true })
  const file = openSync(part, 'wx', mode)
  try {
    writeFileSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(part, path)
  syncPath(dirname(path))
}

function appendDurably(path: string, text: string): void {
  const file = openSync(path, 'a', 0o600)
  try {
    writeFileSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

function syncPath(path: string): void {
  const descriptor = openSync(path, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw applianceErrors.state_unusable({ directory: dirname(path), reason: messageOf(error) }, { cause: error })
  }
}
