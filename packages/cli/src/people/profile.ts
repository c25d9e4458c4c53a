import { isAppError } from '@nixen/core'
import { print, type CommonFlags } from '../command.ts'
import { clientOf, localProfile, plainFailure } from '../connect/connect.ts'
import { readProfiles, writeProfiles, type Environment, type Profile, type ProfileFile } from '../connect/profiles.ts'
import type { NixenContext } from '../context.ts'
import { cliErrors } from '../errors.ts'
import { plain } from '../output/plain.ts'
import { formatTable } from '../output/table.ts'

/** `nixen profile list` */
export async function listProfiles(context: NixenContext, flags: CommonFlags): Promise<void> {
  const { current, profiles } = await readProfiles(environmentOf(context))
  const items = Object.entries(profiles).map(([name, { url, user, fingerprint }]) => ({
    name,
    url,
    user,
    fingerprint,
    current: name === current,
  }))
  const text = formatTable(items, [
    { title: 'NAME', text: ({ name, current }) => `${plain(name)}${current ? ' *' : ''}` },
    { title: 'URL', text: ({ url }) => plain(url) },
    { title: 'USER', text: ({ user }) => plain(user) },
  ])
  print(context, flags, { json: { items }, text })
}

/** `nixen profile use` */
export async function useProfile(context: NixenContext, flags: CommonFlags, name: string): Promise<void> {
  const file = await readProfiles(environmentOf(context))
  if (name !== localProfile) demandProfile(file, name)
  const { current: _, ...rest } = file
  await writeProfiles(environmentOf(context), name === localProfile ? rest : { ...rest, current: name })
  print(context, flags, { json: { profile: name }, text: `Commands ask ${name} from now on.` })
}

/** `nixen profile remove` */
export async function removeProfile(context: NixenContext, flags: CommonFlags, name: string): Promise<void> {
  const file = await readProfiles(environmentOf(context))
  demandProfile(file, name)
  await writeProfiles(environmentOf(context), without(file, name))
  print(context, flags, { json: { profile: name }, text: `The profile ${name} is forgotten.` })
}

/** `nixen logout` */
export async function logout(context: NixenContext, flags: CommonFlags & { readonly profile?: string }): Promise<void> {
  const environment = environmentOf(context)
  const file = await readProfiles(environment)
  const name = flags.profile ?? environment['NIXEN_PROFILE'] ?? file.current
  if (name === undefined) throw cliErrors.not_logged_in()
  const profile = demandProfile(file, name)
  const problem = await revoke(context, name, profile)
  await writeProfiles(environment, without(file, name))
  // Gone from here in any case; whoever is told can revoke it elsewhere.
  if (problem !== undefined) context.process.stderr.write(`nixen: the token still works, revoke it there: ${problem}\n`)
  print(context, flags, { json: { profile: name, revoked: problem === undefined }, text: `Logged out of ${name}.` })
}

/** Takes the token back; gives the reason when that was not possible. */
async function revoke(context: NixenContext, name: string, profile: Profile): Promise<string | undefined> {
  const { url: baseUrl, token, tokenId, fingerprint } = profile
  try {
    const client = clientOf({ name, baseUrl, token, fingerprint }, context)
    await client.token.revoke({ id: tokenId }, { signal: context.signal })
    return undefined
  } catch (error) {
    if (isAppError(error, 'token.not_found') || isAppError(error, 'auth.expired')) return undefined
    if (context.signal.aborted) throw error
    const failure = plainFailure(error, environmentOf(context))
    return failure instanceof Error ? failure.message : String(failure)
  }
}

function demandProfile({ profiles }: ProfileFile, name: string): Profile {
  const found = profiles[name]
  if (!found) throw cliErrors.no_profile({ name, known: Object.keys(profiles) })
  return found
}

function without({ current, profiles, version }: ProfileFile, name: string): ProfileFile {
  const { [name]: _, ...rest } = profiles
  return { version, profiles: rest, ...(current === undefined || current === name ? {} : { current }) }
}

function environmentOf({ process }: NixenContext): Environment {
  return process.env ?? {}
}
