import { stat } from 'node:fs/promises'
import { clientErrors, createClient, type Client } from '@nixen/api'
import { isAppError, systemCode } from '@nixen/core'
import type { NixenContext } from '../context.ts'
import { cliErrors } from '../errors.ts'
import { textParser } from '../parse.ts'
import { httpFetch, type Route } from './http-fetch.ts'
import { readProfiles, type Environment } from './profiles.ts'
import { localSocket, stateDirectory } from './state-directory.ts'

/** Name of the profile that stands for the server on this machine. */
export const localProfile = 'local'

/** Which server a command asks. */
export interface ServerFlags {
  readonly profile?: string
}

/** The flag of {@link ServerFlags}, to be spread into a command's flags. */
export const serverFlags = {
  profile: {
    kind: 'parsed',
    parse: textParser,
    brief: 'Which server: a profile of "nixen login", or "local" for the one on this machine',
    placeholder: 'NAME',
    optional: true,
    proposeCompletions(this: NixenContext) {
      return profileNames(this.process.env ?? {})
    },
  },
} as const

/** A server to ask. */
export interface ServerTarget extends Route {
  /** What people call it. */
  readonly name: string
  readonly baseUrl: string
  readonly token?: string | undefined
}

/**
 * Which server is asked: `--profile`, `NIXEN_PROFILE`, `NIXEN_URL` with `NIXEN_TOKEN` and `NIXEN_FINGERPRINT`, the profile in use, or
 * the server on this machine. Errors: `cli.no_profile`, `cli.no_server`, `cli.no_token`.
 */
export async function findServer(environment: Environment, { profile }: ServerFlags): Promise<ServerTarget> {
  const wanted = profile ?? environment['NIXEN_PROFILE']
  const url = environment['NIXEN_URL']
  if (wanted === undefined && url !== undefined) return serverOfEnvironment(environment, url)
  if (wanted === localProfile) return localServer(environment)
  const { current, profiles } = await readProfiles(environment)
  const name = wanted ?? current
  if (name === undefined || (wanted === undefined && name === localProfile)) return localServer(environment)
  const found = profiles[name]
  if (!found) throw cliErrors.no_profile({ name, known: Object.keys(profiles) })
  return { name, baseUrl: found.url, token: found.token, fingerprint: found.fingerprint }
}

function serverOfEnvironment(environment: Environment, url: string): ServerTarget {
  const token = environment['NIXEN_TOKEN']
  if (token === undefined || token === '') throw cliErrors.no_token({ url })
  if (!URL.canParse(url)) throw cliErrors.bad_url({ text: url })
  return { name: url, baseUrl: url, token, fingerprint: environment['NIXEN_FINGERPRINT']?.toUpperCase() }
}

async function localServer(environment: Environment): Promise<ServerTarget> {
  const directory = stateDirectory(environment)
  const socketPath = localSocket(directory)
  try {
    await stat(socketPath)
  } catch (cause) {
    throw systemCode(cause) === 'EACCES'
      ? cliErrors.not_yours({ directory }, { cause })
      : cliErrors.no_server({ directory }, { cause })
  }
  return { name: localProfile, baseUrl: 'http://localhost', socketPath }
}

/** A client of the server that the flags and the environment mean. */
export async function connect(context: NixenContext, flags: ServerFlags): Promise<Client> {
  return clientOf(await findServer(context.process.env ?? {}, flags), context)
}

/** A client of a server. */
export function clientOf(target: ServerTarget, { clock }: Pick<NixenContext, 'clock'>): Client {
  const { baseUrl, token, socketPath, fingerprint } = target
  const fetch = httpFetch({ socketPath, fingerprint })
  return createClient({ baseUrl, fetch, clock, ...(token === undefined ? {} : { token }) })
}

/** What a person should read: the client wraps every failure of the network, also those that have a sentence of their own. */
export function plainFailure(error: unknown, environment: Environment): unknown {
  if (!isAppError(error, 'client.unreachable')) return error
  if (isAppError(error.cause)) return error.cause
  const code = systemCode(error.cause)
  const directory = stateDirectory(environment)
  const isLocal = error.details['url'] === 'http://localhost'
  if (isLocal && (code === 'ECONNREFUSED' || code === 'ENOENT')) return cliErrors.no_server({ directory })
  if (isLocal && code === 'EACCES') return cliErrors.not_yours({ directory })
  return error
}

/** The names of all profiles; none when the file cannot be read: nobody completes an error. */
export async function profileNames(environment: Environment): Promise<readonly string[]> {
  const { profiles } = await readProfiles(environment).catch(() => ({ profiles: {} }))
  return [localProfile, ...Object.keys(profiles)]
}

/** The error of a server that cannot be reached, for what is not a call of the contract. */
export function unreachable(url: string, cause: unknown): Error {
  if (isAppError(cause)) return cause
  const reason = cause instanceof Error ? cause.message : String(cause)
  return clientErrors.unreachable({ url, reason }, { cause })
}
