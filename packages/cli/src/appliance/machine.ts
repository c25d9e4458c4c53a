import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '@nixen/core'
import type { ApplianceConfig } from './config.ts'
import { applianceErrors } from './errors.ts'
import { defaultGeneration, listGenerations, planPrune, resolved, type Generation } from './generations.ts'
import { waitForHealth, type Health } from './health.ts'
import { readHistory } from './journal.ts'
import { runProgram, type RunOptions } from './programs.ts'

/** What every run needs. */
export interface Work {
  readonly config: ApplianceConfig
  readonly clock: Clock
  readonly signal: AbortSignal
  readonly log: (text: string) => void
}

/** Identity of this start of the machine. */
export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
}

/** Folder of the candidate and the result of its build. */
export function workFolders({ stateDirectory }: ApplianceConfig): {
  readonly candidate: string
  readonly build: string
} {
  return { candidate: join(stateDirectory, 'candidate'), build: join(stateDirectory, 'build') }
}

/** Builds the candidate; the path of the system in the store. A link keeps it from garbage collection. */
export async function buildSystem({ config, signal, log }: Work): Promise<string> {
  const { candidate, build } = workFolders(config)
  const result = join(build, 'result')
  mkdirSync(build, { recursive: true })
  rmSync(result, { force: true })
  const flake = `path:${candidate}#${config.host}`
  await runProgram([config.programs.nixosRebuild, 'build', '--flake', flake], {
    step: 'build',
    cwd: build,
    signal,
    log,
  })
  const system = resolved(result)
  if (system === undefined) throw applianceErrors.no_result({ path: result })
  return system
}

/**
 * Makes the machine run a system, without making it boot it: whatever happens next, a restart of the machine comes back to what was good. It is
 * the program of the system itself that does so, as `nixos-rebuild test` would.
 */
export async function activate(system: string, options: RunOptions): Promise<void> {
  await runProgram([join(system, 'bin/switch-to-configuration'), 'test'], options)
}

/** Makes the machine boot a system from now on: a generation of the profile, then the boot loader. */
export async function makeDefault(system: string, { config, ...work }: Work, step: RunOptions['step']): Promise<void> {
  const options = { step, log: work.log }
  const { profile, programs } = config
  // Once more is no new generation.
  if (resolved(profile) !== system) await runProgram([programs.nixEnv, '-p', profile, '--set', system], options)
  await runProgram([join(system, 'bin/switch-to-configuration'), 'boot'], options)
}

/** Makes the machine boot and run a generation that it had. */
export async function returnTo(
  { system, generation }: { readonly system: string; readonly generation: number },
  { config, log }: Work,
): Promise<void> {
  const options = { step: 'roll back', log } as const
  const { profile, programs } = config
  const moved = resolved(profile) !== system
  if (moved) await runProgram([programs.nixEnv, '-p', profile, '--switch-generation', String(generation)], options)
  // The boot loader is written only if it may have been.
  await runProgram([join(system, 'bin/switch-to-configuration'), moved ? 'switch' : 'test'], options)
}

/** Waits until Nixen answers. */
export async function health({ config, clock }: Work, signal?: AbortSignal): Promise<Health> {
  return await waitForHealth(config.health, { clock, signal })
}

/** Removes generations beyond `keep`; those that run, were booted, boot by default or were the last good ones stay. */
export async function prune(
  keep: number,
  { config, log }: Work,
  { dryRun = false } = {},
): Promise<readonly Generation[]> {
  const { profile, programs, currentSystem, bootedSystem, stateDirectory } = config
  const lastGood = readHistory(stateDirectory).findLast(({ outcome }) => outcome === 'updated')
  const gone = planPrune(listGenerations(profile), {
    keep,
    current: defaultGeneration(profile),
    systems: [resolved(currentSystem), resolved(bootedSystem), lastGood?.target ?? undefined],
  })
  if (dryRun || gone.length === 0) return gone
  const options = { step: 'collect garbage', log } as const
  const numbers = gone.map(({ number }) => String(number))
  await runProgram([programs.nixEnv, '-p', profile, '--delete-generations', ...numbers], options)
  // The boot menu must not offer what is no longer there.
  await runProgram([join(profile, 'bin/switch-to-configuration'), 'boot'], options)
  return gone
}
