import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto'
import type { Call } from '../dispatch/call.ts'
import { methods, type MethodSet } from '../dispatch/methods.ts'
import { fault } from '../errors.ts'
import type { Ref } from '../generated/rows.ts'
import { addCertificates } from '../pool/certificates.ts'
import { certificateOf, makeCertificate, type ServerCertificate } from '../wire/certificate.ts'

/** What a host takes, in bits. */
const keyLengths = { min: 2048, max: 4096 }
/** id-ecPublicKey (RFC 5480 §2.1.1), Ed25519 (RFC 8410 §3): keys that a host does not take. */
const algorithms: Readonly<Record<string, string>> = { ec: '1.2.840.10045.2.1', ed25519: '1.3.101.112' }

/** A private key of RSA, as the hosts' TLS wants it. */
function readKey(text: string): KeyObject {
  let key: KeyObject
  try {
    key = createPrivateKey(text)
  } catch {
    throw fault('SERVER_CERTIFICATE_KEY_INVALID')
  }
  const { asymmetricKeyType: kind = '', asymmetricKeyDetails: details } = key
  if (kind !== 'rsa') throw fault('SERVER_CERTIFICATE_KEY_ALGORITHM_NOT_SUPPORTED', algorithms[kind] ?? kind)
  const length = details?.modulusLength ?? 0
  if (length < keyLengths.min || length > keyLengths.max) {
    throw fault('SERVER_CERTIFICATE_KEY_RSA_LENGTH_NOT_SUPPORTED', String(length))
  }
  return key
}

function readCertificate(text: string): X509Certificate {
  try {
    return new X509Certificate(text)
  } catch {
    throw fault('SERVER_CERTIFICATE_INVALID')
  }
}

function assertChain(text: string): void {
  for (const [part] of text.matchAll(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g)) {
    try {
      void new X509Certificate(part)
    } catch {
      throw fault('SERVER_CERTIFICATE_CHAIN_INVALID')
    }
  }
  if (text.trim() !== '' && !text.includes('-----BEGIN CERTIFICATE-----')) {
    throw fault('SERVER_CERTIFICATE_CHAIN_INVALID')
  }
}

interface Installed {
  readonly certificate: string
  readonly key: string
  readonly chain: string
}

/** What a host checks before it takes a certificate, in its order. */
function checked({ certificate, key: keyText, chain }: Installed, now: number): ServerCertificate {
  const key = readKey(keyText)
  const cert = readCertificate(certificate)
  const [from, to] = [Date.parse(cert.validFrom), Date.parse(cert.validTo)]
  const text = (time: number): string => new Date(time).toISOString()
  if (now < from) throw fault('SERVER_CERTIFICATE_NOT_VALID_YET', text(now), text(from))
  if (now >= to) throw fault('SERVER_CERTIFICATE_EXPIRED', text(now), text(to))
  if (!cert.checkPrivateKey(key)) throw fault('SERVER_CERTIFICATE_KEY_MISMATCH')
  assertChain(chain)
  return certificateOf({ key: keyText, cert: `${certificate.trim()}\n${chain}` })
}

async function present({ db, pool }: Call, host: Ref<'host'>, certificate: ServerCertificate): Promise<void> {
  await pool.moves.present(pool, host, certificate)
  addCertificates(db, new Map([[host, certificate]]))
}

/** Certificates that hosts answer with. */
export const hostCertificates: MethodSet = methods('host', {
  async install_server_certificate(call, host, certificate, key, chain) {
    call.db.get('host', host)
    await present(call, host, checked({ certificate, key, chain }, call.pool.clock.now()))
  },
  async reset_server_certificate(call, host) {
    const { hostname, address } = call.db.get('host', host)
    await present(call, host, await makeCertificate(hostname || 'toolstack.local', [address]))
  },
})
