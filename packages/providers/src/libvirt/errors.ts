import { connectionErrors, diskErrors, vmErrors, type ResourceId, typeOfId } from '@nixen/api'
import { isAppError, type AppError } from '@nixen/core'
import { constants as c, isLibvirtError, type LibvirtError } from '@nixen/libvirt'
import { notFound } from '../xapi/not-found.ts'

/** Who is asked, for the sentences. */
export interface ErrorPlace {
  readonly address: string
  readonly username: string
  readonly fingerprint?: string | undefined
}

/** The error of the contract that a failure of the client means; `id` is the object that something was done with. */
export function libvirtError(error: unknown, place: ErrorPlace, id?: ResourceId): unknown {
  if (isLibvirtError(error)) return refusal(error, place, id)
  if (!isAppError(error) || !error.code.startsWith('libvirt.')) return error
  const { address, username } = place
  const options = { cause: error }
  const reason = plain(typeof error.details['reason'] === 'string' ? error.details['reason'] : error.message)
  switch (error.code) {
    case 'libvirt.unreachable':
    case 'libvirt.bad_uri':
      return connectionErrors.unreachable({ address, reason }, options)
    case 'libvirt.timeout':
      return connectionErrors.timeout(
        { address, seconds: Number(error.details['ms']) / 1000, what: String(error.details['what']) },
        options,
      )
    case 'libvirt.tls_failed':
      return connectionErrors.tls_failed({ address, reason }, options)
    case 'libvirt.certificate_untrusted':
      return certificate(error, place)
    case 'libvirt.auth_failed':
      return connectionErrors.wrong_credentials({ address, username: username || 'nobody' }, options)
    case 'libvirt.bad_frame':
    case 'libvirt.bad_xdr':
      return connectionErrors.not_the_product({ address, wanted: 'libvirt', found: reason }, options)
    case 'libvirt.bad_xml':
      return connectionErrors.bad_answer({ address, what: 'a description', reason }, options)
    default:
      return connectionErrors.lost({ address, reason }, options)
  }
}

function certificate(error: AppError, { address, fingerprint }: ErrorPlace): AppError {
  const found = String(error.details['fingerprint'])
  return fingerprint === undefined
    ? connectionErrors.unknown_certificate({ address, fingerprint: found }, { cause: error })
    : connectionErrors.certificate_changed({ address, pinned: fingerprint, found }, { cause: error })
}

/** Codes that say that something is not there. */
const missing: ReadonlySet<number> = new Set([
  c.VIR_ERR_NO_DOMAIN,
  c.VIR_ERR_NO_NETWORK,
  c.VIR_ERR_NO_STORAGE_POOL,
  c.VIR_ERR_NO_STORAGE_VOL,
  c.VIR_ERR_NO_DOMAIN_SNAPSHOT,
  c.VIR_ERR_NO_NODE_DEVICE,
])

/** Whether a daemon says that what it was asked about is gone. */
export function isGone(error: unknown): boolean {
  return isLibvirtError(error) && missing.has(error.code)
}

function refusal(error: LibvirtError, { address, username }: ErrorPlace, id: ResourceId | undefined): AppError {
  const options = { cause: error }
  const action = error.procedure
    .replace(/^[A-Z]+_PROC_/, '')
    .toLowerCase()
    .replaceAll('_', ' ')
  if (missing.has(error.code) && id !== undefined) return notFound(typeOfId(id), id, error)
  switch (error.code) {
    case c.VIR_ERR_AUTH_FAILED:
    case c.VIR_ERR_AUTH_CANCELLED:
    case c.VIR_ERR_AUTH_UNAVAILABLE:
      return connectionErrors.wrong_credentials({ address, username: username || 'nobody' }, options)
    case c.VIR_ERR_ACCESS_DENIED:
    case c.VIR_ERR_OPERATION_DENIED:
      return connectionErrors.forbidden({ address, username: username || 'this user', action }, options)
    case c.VIR_ERR_NO_SUPPORT:
    case c.VIR_ERR_CONFIG_UNSUPPORTED:
    case c.VIR_ERR_OPERATION_UNSUPPORTED:
    case c.VIR_ERR_ARGUMENT_UNSUPPORTED:
      return connectionErrors.unsupported({ action, reason: `${plain(error.reason)}.` }, options)
    case c.VIR_ERR_OPERATION_TIMEOUT:
      if (id === undefined || typeOfId(id) !== 'vm') break
      return vmErrors.busy({ id, action: plain(error.reason) }, options)
    case c.VIR_ERR_RESOURCE_BUSY:
      if (id === undefined || typeOfId(id) !== 'disk') break
      return diskErrors.in_use({ id }, options)
  }
  return connectionErrors.provider({ address, code: `libvirt ${error.code}`, message: plain(error.reason) }, options)
}

const plain = (text: string): string => text.replace(/\.$/, '')
