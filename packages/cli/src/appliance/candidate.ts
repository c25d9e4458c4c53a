import { createHash } from 'node:crypto'
import { chownSync, copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { writeDurably } from './journal.ts'
import { runProgram, type RunOptions } from './programs.ts'

/** The configuration as it shall become: a copy, so that the user's own stays as it is until the machine runs well with the new one. */
export interface Candidate {
  readonly folder: string
  readonly git: string
}

/** Files of a git repository that git knows: others may be secrets, which a flake would put into the store. */
export async function copyFlake(flake: string, { folder, git }: Candidate, options: RunOptions): Promise<void> {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  if (!existsSync(join(flake, '.git'))) {
    cpSync(flake, folder, { recursive: true, dereference: false })
    return
  }
  const quiet = { ...options, as: statSync(flake), log: () => undefined }
  const listed = await runProgram([git, '-C', flake, 'ls-files', '-z'], quiet)
  for (const file of listed.split('\0').filter((name) => name !== '' && existsSync(join(flake, name)))) {
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    copyFileSync(join(flake, file), join(folder, file))
  }
}

/** SHA-256 of a flake.lock; empty when there is none. */
export function hashOfLock(folder: string): string {
  const path = join(folder, 'flake.lock')
  return existsSync(path) ? createHash('sha256').update(readFileSync(path)).digest('hex') : ''
}

/**
 * Puts the new flake.lock in the user's folder, and commits it if that is a git repository. A lock that somebody changed meanwhile is left as it is.
 * Returns what a person should know.
 */
export async function publishLock(
  flake: string,
  { folder, git }: Candidate,
  { before, subject, ...options }: RunOptions & { readonly before: string; readonly subject: string },
): Promise<string | undefined> {
  const found = hashOfLock(flake)
  if (found === hashOfLock(folder)) return undefined
  if (found !== before)
    return `${flake}/flake.lock was changed meanwhile and is left as it is; the machine runs with ${folder}/flake.lock.`
  const target = join(flake, 'flake.lock')
  writeDurably(target, readFileSync(join(folder, 'flake.lock'), 'utf8'), 0o644)
  const owner = statSync(flake)
  if (process.getuid?.() === 0) chownSync(target, owner.uid, owner.gid)
  if (!existsSync(join(flake, '.git'))) return undefined
  const author = ['-c', 'user.name=Nixen', '-c', 'user.email=nixen@localhost', '-c', 'commit.gpgsign=false']
  const run = async (...args: string[]) => await runProgram([git, '-C', flake, ...args], { ...options, as: owner })
  try {
    await run('add', 'flake.lock')
    await run(...author, 'commit', '-q', '-m', subject, '--', 'flake.lock')
    return undefined
  } catch {
    return `${target} is new, but could not be committed: do so by hand.`
  }
}
