import { readFileSync } from 'node:fs'
import { messageOf, systemCode } from '@nixen/core'
import { z } from 'zod'
import { applianceErrors } from './errors.ts'

/** Where the NixOS module writes it. */
export const defaultConfigPath = '/etc/nixen/appliance.json'

const path = z.string().startsWith('/')
const command = z.array(z.string()).min(1)

const schema = z.strictObject({
  version: z.literal(1),
  /** Folder with the user's flake.nix. */
  flake: path,
  /** Name under `nixosConfigurations`. */
  host: z.string().min(1),
  /** Where runs are written down. */
  stateDirectory: path,
  /** The profile whose generations are booted. */
  profile: path,
  /** What runs now, and what was booted. */
  currentSystem: path,
  bootedSystem: path,
  programs: z.strictObject({ nix: path, nixEnv: path, nixosRebuild: path, git: path }),
  /** Inputs of the flake by kind of update; null is all of them. */
  kinds: z.record(
    z.string(),
    z.strictObject({ inputs: z.array(z.string().min(1)).nullable(), keepGenerations: z.int().min(1) }),
  ),
  keepGenerations: z.int().min(1),
  /** Copies Nixen's own state before anything is changed. */
  snapshot: command.nullable(),
  /** Puts that copy back, when the old Nixen cannot start with what a newer one has made of its state. */
  restore: command.nullable(),
  health: z.strictObject({
    url: z.url(),
    /** Seconds after which a new generation that does not answer is given up. */
    timeout: z.number().positive(),
    /** Answers in a row that count as healthy. */
    successes: z.int().min(1),
    /** Seconds between two questions. */
    interval: z.number().positive(),
  }),
  notify: z.strictObject({
    on: z.enum(['always', 'change', 'failure']),
    ntfy: z.strictObject({ url: z.url(), tokenFile: path.nullable() }).nullable(),
    webhook: z.strictObject({ url: z.url(), secretFile: path.nullable() }).nullable(),
    email: z.strictObject({ from: z.string(), to: z.array(z.string()).min(1), sendmail: path }).nullable(),
  }),
})

/** How this machine updates itself: `/etc/nixen/appliance.json`, made by `services.nixen.updates`. */
export type ApplianceConfig = z.output<typeof schema>

/** Reads it. @throws appliance.not_an_appliance, appliance.bad_config */
export function readApplianceConfig(file: string = defaultConfigPath): ApplianceConfig {
  let parsed: unknown
  try {
    parsed = JSON.parse(readFileSync(file, 'utf8'))
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') throw applianceErrors.not_an_appliance({ path: file }, { cause })
    throw applianceErrors.bad_config({ path: file, reason: messageOf(cause) }, { cause })
  }
  const result = schema.safeParse(parsed)
  if (result.success) return result.data
  const reason = result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ')
  throw applianceErrors.bad_config({ path: file, reason })
}
