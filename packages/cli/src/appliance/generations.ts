import { readdirSync, readlinkSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/** One generation of the system's profile. */
export interface Generation {
  readonly number: number
  /** Path of the system in the store. */
  readonly system: string
  /** Epoch milliseconds. */
  readonly createdAt: number
}

/** All of a profile, the oldest first: `system-42-link` beside `system`. */
export function listGenerations(profile: string): readonly Generation[] {
  const folder = dirname(profile)
  const pattern = new RegExp(`^${RegExp.escape(basename(profile))}-(\\d+)-link$`)
  const found = readdirSync(folder).flatMap((name) => {
    const number = Number(pattern.exec(name)?.[1])
    if (Number.isNaN(number)) return []
    const system = resolved(join(folder, name))
    return system === undefined ? [] : [{ number, system, createdAt: statSync(join(folder, name)).mtimeMs }]
  })
  return found.toSorted((a, b) => a.number - b.number)
}

/** Number of the generation that the profile is at: what boots by default. */
export function defaultGeneration(profile: string): number {
  return Number(/-(\d+)-link$/.exec(readlinkSync(profile))?.[1])
}

/** Where a link leads in the end; undefined when there is nothing. */
export function resolved(path: string): string | undefined {
  try {
    return realpathSync(path)
  } catch {
    return undefined
  }
}

/** What must stay, whatever is asked for. */
export interface Kept {
  /** How many of the newest stay. */
  readonly keep: number
  /** Systems that run, were booted, or were the last good ones. */
  readonly systems: readonly (string | undefined)[]
  /** What boots by default. */
  readonly current: number
}

/** Which generations can go: those that are neither among the newest `keep`, nor run, nor boot. */
export function planPrune(generations: readonly Generation[], { keep, systems, current }: Kept): readonly Generation[] {
  const newest = new Set(generations.slice(-keep).map(({ number }) => number))
  return generations.filter(
    ({ number, system }) => !newest.has(number) && number !== current && !systems.includes(system),
  )
}
