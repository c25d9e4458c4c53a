import { catalogue } from '@nixen/core'

/** What goes wrong on our side of the wire, or before a daemon's answer is understood. What a daemon refuses is a {@link LibvirtError}. */
export const libvirtErrors = catalogue('libvirt', {
  bad_uri: {
    status: 400,
    text: (p: { uri: string; reason: string }) =>
      `${p.uri} is not the address of a libvirt daemon: ${p.reason}. It looks like qemu:///system or qemu+ssh://host/system.`,
  },
  bad_value: {
    status: 400,
    text: (p: { expected: string; got: string }) => `A value cannot be sent: expected ${p.expected}, got ${p.got}.`,
  },
  bad_xdr: {
    status: 502,
    text: (p: { reason: string; at: number }) =>
      `The daemon's message is not understood at byte ${p.at}: ${p.reason}. Is it libvirt that answers there?`,
  },
  bad_frame: {
    status: 502,
    text: (p: { reason: string }) => `What answers does not speak libvirt's protocol: ${p.reason}. Check the address.`,
  },
  bad_xml: {
    status: 422,
    text: (p: { what: string; reason: string }) => `The XML of ${p.what} is not understood: ${p.reason}.`,
  },
  unreachable: {
    status: 502,
    retryable: true,
    text: (p: { address: string; reason: string }) =>
      `The libvirt daemon at ${p.address} cannot be reached: ${p.reason}.`,
  },
  tls_failed: {
    status: 502,
    text: (p: { address: string; reason: string }) => `TLS with ${p.address} failed: ${p.reason}.`,
  },
  certificate_untrusted: {
    status: 502,
    text: (p: { address: string; fingerprint: string; reason: string }) =>
      `The certificate of ${p.address} is not trusted (${p.reason}); its SHA-256 fingerprint is ${p.fingerprint}.`,
  },
  auth_failed: {
    status: 422,
    text: (p: { address: string; method: string; reason: string }) =>
      `${p.address} does not let us in (${p.method}): ${p.reason}.`,
  },
  lost: {
    status: 502,
    retryable: true,
    text: (p: { reason: string }) => `The connection to the libvirt daemon broke: ${p.reason}.`,
  },
  timeout: {
    status: 504,
    retryable: true,
    text: (p: { what: string; ms: number }) => `The libvirt daemon did not answer ${p.what} within ${p.ms / 1000} s.`,
  },
  closed: {
    status: 409,
    text: (p: { what: string }) => `${p.what} was asked of a connection that is closed. Open a new one.`,
  },
})

/** All that a daemon says with an error (`virError`). */
export interface LibvirtErrorFields {
  /** `VIR_ERR_…`. */
  readonly code: number
  /** `VIR_FROM_…`: the part of libvirt that failed. */
  readonly domain: number
  readonly message: string
  readonly level?: number
  readonly str1?: string | undefined
  readonly str2?: string | undefined
  readonly str3?: string | undefined
  readonly int1?: number
  readonly int2?: number
}

/** The daemon refused. `code` and the other fields are its own (`VIR_ERR_…` of `constants`). */
export class LibvirtError extends Error {
  override readonly name = 'LibvirtError'
  readonly code: number
  readonly domain: number
  /** The daemon's message alone. */
  readonly reason: string
  readonly fields: LibvirtErrorFields
  /** The procedure that was called: `REMOTE_PROC_DOMAIN_CREATE`. */
  readonly procedure: string

  constructor(fields: LibvirtErrorFields, procedure: string) {
    super(`${fields.message} [${procedure.replace(/^[A-Z]+_PROC_/, '')}, error ${fields.code}]`)
    this.code = fields.code
    this.domain = fields.domain
    this.reason = fields.message
    this.fields = fields
    this.procedure = procedure
  }
}

/** Whether `error` is a daemon's, with one of `codes` if any are given. By shape, so that two copies of this package agree. */
export function isLibvirtError(error: unknown, ...codes: readonly number[]): error is LibvirtError {
  if (!(error instanceof Error) || error.name !== 'LibvirtError' || !('code' in error)) return false
  return codes.length === 0 || (typeof error.code === 'number' && codes.includes(error.code))
}
