import type { PeerCertificate, TLSSocket } from 'node:tls'
import { xapiErrors } from '../errors.ts'
import { endpointText, type Endpoint } from './endpoint.ts'

/** What a host's certificate says about itself. */
export interface CertificateInfo {
  /** `host:port` that presented it. */
  readonly host: string
  /** SHA-256 of the DER form, `AB:CD:…`. */
  readonly fingerprint: string
  readonly subject: string
  readonly issuer: string
  /** Epoch milliseconds. */
  readonly validFrom: number
  readonly validTo: number
}

/**
 * How a host proves that it is the right one. There is no way to accept just anything.
 *
 * - `ca`: the certificate is valid, for this name or address, and signed by `ca` (PEM), or by the system's authorities without it.
 * - `pin`: the certificate has one of these SHA-256 fingerprints (colons and case do not matter). Its dates and names are not looked at.
 * - `learn`: each host's certificate is shown once to `onFingerprint`; when that says yes it is pinned for the life of the connection. The
 *   hosts of the pool tell each other's fingerprints over the trusted connection, so members are only asked about if they do not.
 */
export type TlsTrust =
  | { readonly kind: 'ca'; readonly ca?: string | readonly string[] }
  | { readonly kind: 'pin'; readonly fingerprint: string | readonly string[] }
  | {
      readonly kind: 'learn'
      readonly onFingerprint: (fingerprint: string, certificate: CertificateInfo) => boolean | Promise<boolean>
    }

/** Decides whether a host may be talked to, and remembers what it has learnt. */
export class TrustStore {
  readonly trust: TlsTrust
  /** Fingerprints that are good at any member of the pool. */
  readonly #pins: Set<string>
  /** `learn`: the question put for each host, so that connections made at once ask once; dropped when refused. */
  readonly #learning = new Map<string, Promise<string>>()

  constructor(trust: TlsTrust) {
    this.trust = trust
    this.#pins = new Set(trust.kind === 'pin' ? [trust.fingerprint].flat().map(normalizeFingerprint) : [])
  }

  /** Certificates that the pool itself vouches for over a connection that is trusted already. Pins what a `pin` user did not list. */
  vouch(fingerprints: readonly string[]): void {
    if (this.trust.kind === 'ca') return
    for (const fingerprint of fingerprints) if (fingerprint !== '') this.#pins.add(normalizeFingerprint(fingerprint))
  }

  /** Checks a certificate before anything is sent to the host. @throws xapi.certificate_untrusted */
  async check(endpoint: Endpoint, socket: TLSSocket): Promise<void> {
    const info = certificateInfo(endpoint, socket.getPeerCertificate())
    if (this.trust.kind === 'ca') {
      if (socket.authorized) return
      const { host, fingerprint } = info
      throw xapiErrors.certificate_untrusted({ host, fingerprint, reason: verificationText(socket.authorizationError) })
    }
    if (this.#pins.has(info.fingerprint)) return
    if (this.trust.kind === 'pin') throw this.#changed(info, [...this.#pins].join(' or '))
    const learnt = await this.#learn(info, this.trust.onFingerprint)
    if (learnt !== info.fingerprint) throw this.#changed(info, learnt)
  }

  async #learn(info: CertificateInfo, ask: (fingerprint: string, info: CertificateInfo) => boolean | Promise<boolean>) {
    const asked = this.#learning.get(info.host)
    if (asked) return await asked
    const answer = (async () => {
      if (!(await ask(info.fingerprint, info))) {
        const { host, fingerprint } = info
        throw xapiErrors.certificate_untrusted({ host, fingerprint, reason: 'it was not accepted' })
      }
      return info.fingerprint
    })()
    this.#learning.set(info.host, answer)
    try {
      return await answer
    } catch (error) {
      this.#learning.delete(info.host)
      throw error
    }
  }

  #changed({ host, fingerprint }: CertificateInfo, expected: string): Error {
    return xapiErrors.certificate_untrusted({ host, fingerprint, expected, reason: 'it is not the one that is pinned' })
  }
}

// Codes of OpenSSL as Node names them.
const verificationTexts: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'it has expired',
  CERT_NOT_YET_VALID: 'it is not valid yet',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'it signs itself and is not a known authority',
  SELF_SIGNED_CERT_IN_CHAIN: 'its authority is not known',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its authority is not known',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its authority is not known',
  ERR_TLS_CERT_ALTNAME_INVALID: 'it is for another name or address',
}

function verificationText(problem: unknown): string {
  // Node's types say Error; what is there is its code.
  const code = problem instanceof Error ? problem.message : String(problem)
  return verificationTexts[code] ?? code
}

/** `ab:cd…` or `ABCD…` as `AB:CD:…`. @throws xapi.bad_value when it is not a SHA-256 fingerprint */
export function normalizeFingerprint(text: string): string {
  const hex = text
    .replace(/^sha-?256[:/ ]/i, '')
    .replace(/[\s:]/g, '')
    .toUpperCase()
  if (!/^[0-9A-F]{64}$/.test(hex)) {
    throw xapiErrors.bad_value({
      expected: '32 bytes in hexadecimal',
      got: text.slice(0, 120),
      at: 'the SHA-256 fingerprint',
    })
  }
  return hex.replace(/..(?!$)/g, '$&:')
}

function certificateInfo(endpoint: Endpoint, certificate: PeerCertificate): CertificateInfo {
  return {
    host: endpointText(endpoint),
    fingerprint: certificate.fingerprint256,
    subject: nameText(certificate.subject),
    issuer: nameText(certificate.issuer),
    validFrom: Date.parse(certificate.valid_from),
    validTo: Date.parse(certificate.valid_to),
  }
}

function nameText(name: object | undefined): string {
  return Object.entries(name ?? {})
    .map(([key, value]) => `${key}=${String(value)}`)
    .join(', ')
}
