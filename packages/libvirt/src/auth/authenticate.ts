import { messageOf } from '@nixen/core'
import { isLibvirtError, libvirtErrors } from '../errors.ts'
import { VIR_ERR_AUTH_CANCELLED, VIR_ERR_AUTH_FAILED, VIR_ERR_AUTH_UNAVAILABLE } from '../generated/constants.ts'
import { procedures } from '../generated/procedures.ts'
import type { CallOptions, Rpc } from '../rpc/rpc.ts'
import { ScramClient, scramHashes } from './scram.ts'

export interface Credentials {
  readonly username: string
  readonly password: string
}

export interface AuthPlace {
  readonly address: string
  /** Whether a password may be sent as it is. */
  readonly isPrivate: boolean
  readonly credentials: Credentials | undefined
}

/** `remote_auth_type`. */
const types = { none: 0, sasl: 1, polkit: 2 } as const

/** Does what the daemon asks for before a connection can be opened. @throws libvirt.auth_failed */
export async function authenticate(rpc: Rpc, place: AuthPlace, options: CallOptions): Promise<void> {
  const { types: offered } = await rpc.call(procedures.authList, undefined, options)
  const [wanted] = offered
  try {
    switch (wanted) {
      case undefined:
      case types.none:
        return
      case types.polkit:
        // The daemon asks polkit about the process at the other end of the socket; an agent of that session may ask its user.
        await rpc.call(procedures.authPolkit, undefined, options)
        return
      case types.sasl:
        return await sasl(rpc, place, options)
      default:
        throw new Error(`it wants the kind ${wanted}, which is not known`)
    }
  } catch (cause) {
    if (isLibvirtError(cause) || !(cause instanceof Error && 'code' in cause)) {
      options.signal?.throwIfAborted()
      const method = wanted === types.sasl ? 'SASL' : wanted === types.polkit ? 'polkit' : 'log-in'
      throw libvirtErrors.auth_failed({ address: place.address, method, reason: reasonOf(cause) }, { cause })
    }
    throw cause
  }
}

function reasonOf(error: unknown): string {
  const isPlain = isLibvirtError(error, VIR_ERR_AUTH_FAILED, VIR_ERR_AUTH_CANCELLED, VIR_ERR_AUTH_UNAVAILABLE)
  return (isPlain ? error.reason : messageOf(error)).replace(/\.$/, '')
}

async function sasl(rpc: Rpc, { credentials, isPrivate }: AuthPlace, options: CallOptions): Promise<void> {
  const { mechlist } = await rpc.call(procedures.authSaslInit, undefined, options)
  const offered = mechlist.split(/[\s,]+/).filter(Boolean)
  if (!credentials) throw new Error('it wants a user name and a password')
  const mechanism = Object.keys(scramHashes).find((name) => offered.includes(name))
  if (mechanism !== undefined) return await scram(rpc, { mechanism, credentials }, options)
  if (!offered.includes('PLAIN')) {
    throw new Error(`it offers ${offered.join(', ')}; known are SCRAM-SHA-512, SCRAM-SHA-256, SCRAM-SHA-1 and PLAIN`)
  }
  if (!isPrivate)
    throw new Error('it wants the password in the clear, and the connection is not encrypted; use TLS or ssh')
  const data = text(`\0${credentials.username}\0${credentials.password}`)
  const { complete } = await rpc.call(procedures.authSaslStart, { mech: 'PLAIN', nil: 0, data }, options)
  if (!complete) throw new Error('it goes on asking after the password')
}

async function scram(
  rpc: Rpc,
  { mechanism, credentials }: { readonly mechanism: string; readonly credentials: Credentials },
  options: CallOptions,
): Promise<void> {
  const client = new ScramClient(mechanism, credentials)
  const start = { mech: mechanism, nil: 0, data: text(client.start()) }
  const first = await rpc.call(procedures.authSaslStart, start, options)
  const proof = { nil: 0, data: text(await client.next(textOf(first.data))) }
  const second = await rpc.call(procedures.authSaslStep, proof, options)
  client.finish(textOf(second.data))
  if (second.complete) return
  const { complete } = await rpc.call(procedures.authSaslStep, { nil: 1, data: text('') }, options)
  if (!complete) throw new Error('it goes on asking after the proof')
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value)
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
