import { chmod, mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { systemCode } from '@nixen/core'
import { z } from 'zod'
import { cliErrors } from '../errors.ts'

const Profile = z.strictObject({
  url: z.url(),
  /** Who logged in, for people to read. */
  user: z.string(),
  token: z.string(),
  /** Id of the token, to revoke it with. */
  tokenId: z.string(),
  /** Pinned certificate; absent when a known authority must have signed it. */
  fingerprint: z.string().optional(),
})
/** A server and how to get in. */
export type Profile = z.infer<typeof Profile>

const ProfileFile = z.strictObject({
  version: z.literal(1),
  /** The one in use. */
  current: z.string().optional(),
  profiles: z.record(z.string(), Profile),
})
export type ProfileFile = z.infer<typeof ProfileFile>

export type Environment = Readonly<Record<string, string | undefined>>

/** Where profiles are kept, by the XDG base directory specification. */
export function profilePath(environment: Environment): string {
  const home = environment['XDG_CONFIG_HOME'] || join(environment['HOME'] ?? homedir(), '.config')
  return join(home, 'nixen', 'profiles.json')
}

/** All profiles; none when there is no file. Errors: `cli.bad_profiles`, `cli.cannot_read`. */
export async function readProfiles(environment: Environment): Promise<ProfileFile> {
  const path = profilePath(environment)
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return { version: 1, profiles: {} }
    throw cliErrors.cannot_read({ path, reason: systemCode(cause) ?? 'unknown' }, { cause })
  }
  const parsed = ProfileFile.safeParse(parseJson(text))
  if (!parsed.success) throw cliErrors.bad_profiles({ path }, { cause: parsed.error })
  return parsed.data
}

/** Writes all profiles, for their owner only: beside, then renamed. Error: `cli.cannot_write`. */
export async function writeProfiles(environment: Environment, file: ProfileFile): Promise<void> {
  const path = profilePath(environment)
  const part = `${path}.part`
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    await chmod(dirname(path), 0o700)
    await rm(part, { force: true })
    await using written = await open(part, 'wx', 0o600)
    await written.writeFile(`${JSON.stringify(file, undefined, 2)}\n`)
    await written.sync()
    await rename(part, path)
  } catch (cause) {
    throw cliErrors.cannot_write({ path, reason: systemCode(cause) ?? 'unknown' }, { cause })
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    // Not JSON is not a file of profiles either.
    return undefined
  }
}
