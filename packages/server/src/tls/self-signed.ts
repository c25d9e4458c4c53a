import { randomBytes, webcrypto, X509Certificate } from 'node:crypto'
import { hostname, networkInterfaces } from 'node:os'
import { isIP } from 'node:net'
import type { ServedTls } from './served.ts'

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const day = 86_400_000
/** Browsers take no certificate that is valid for longer than 398 days. */
const lifetime = 397 * day
/** A new one is made so long before the old one ends. */
export const renewBefore: number = 30 * day

/** Names and addresses that this machine answers to, and those that were set; sorted, each once. */
export function ownNames(more: readonly string[] = []): string[] {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
  // A link-local address is nothing without its interface, which a certificate cannot name.
  const reachable = addresses.map(({ address }) => address).filter((address) => !address.startsWith('fe80:'))
  return [...new Set(['localhost', hostname(), ...reachable, ...more])].filter((name) => name !== '').toSorted()
}

/** Whether a certificate is still good at `now` for all the names. */
export function isGood(pem: string, { names, now }: { names: readonly string[]; now: number }): boolean {
  try {
    const certificate = new X509Certificate(pem)
    const covers = names.every((name) => (isIP(name) ? certificate.checkIP(name) : certificate.checkHost(name)))
    return covers && certificate.validFromDate.getTime() <= now && certificate.validToDate.getTime() - now > renewBefore
  } catch {
    // Not a certificate: it is replaced.
    return false
  }
}

/** Makes a certificate for the names that signs itself. */
export async function makeSelfSigned(names: readonly string[], now: number): Promise<ServedTls> {
  // Loaded once a year: it is large. It resolves its parts by `reflect-metadata`.
  await import('reflect-metadata')
  const x509 = await import('@peculiar/x509')
  x509.cryptoProvider.set(webcrypto)
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    // Positive and not zero (RFC 5280 §4.1.2.2).
    serialNumber: `01${randomBytes(15).toString('hex')}`,
    name: 'CN=Nixen (self-signed)',
    keys,
    signingAlgorithm: algorithm,
    // Clocks differ: a certificate of today is not refused by one that is an hour behind.
    notBefore: new Date(now - day),
    notAfter: new Date(now + lifetime),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => (isIP(value) ? ({ type: 'ip', value } as const) : ({ type: 'dns', value } as const))),
      ),
    ],
  })
  const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey))
  return served(certificate.toString('pem'), x509.PemConverter.encode(key, 'PRIVATE KEY'))
}

/** A certificate and key with what people are shown of it. Throws when it is none. */
export function served(cert: string, key: string): ServedTls {
  const parsed = new X509Certificate(cert)
  return { cert, key, fingerprint: parsed.fingerprint256, validTo: parsed.validToDate.getTime() }
}
