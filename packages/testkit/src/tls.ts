// The certificate library resolves its parts by it.
import 'reflect-metadata'
import { createHash, webcrypto } from 'node:crypto'
import * as x509 from '@peculiar/x509'

/** A certificate with its private key, both PEM. */
export interface TestCertificate {
  readonly cert: string
  readonly key: string
  /** SHA-256 of the DER form, `AB:CD:…`, as `openssl x509 -fingerprint -sha256` prints it. */
  readonly fingerprint: string
}

export interface TestCertificateOptions {
  readonly commonName?: string
  /** IP addresses in the subject alternative name; `127.0.0.1` when left out. */
  readonly addresses?: readonly string[]
  readonly notBefore?: Date
  readonly notAfter?: Date
  /** Signs the new certificate; without it the certificate signs itself. */
  readonly issuer?: TestCertificate
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const day = 86_400_000

/** A fresh certificate for a server in a test; with `issuer` signed by that one, otherwise by itself (and usable as a CA). */
export async function makeCertificate(options: TestCertificateOptions = {}): Promise<TestCertificate> {
  const { issuer, addresses = ['127.0.0.1'] } = options
  // A name of its own: a certificate named like its issuer counts as signing itself.
  const commonName = options.commonName ?? (issuer ? 'nixen test host' : 'nixen test authority')
  const provider = webcrypto
  x509.cryptoProvider.set(provider)
  const keys = await provider.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const signer = issuer ? await signerOf(issuer, provider) : { name: `CN=${commonName}`, key: keys.privateKey }
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: Buffer.from(provider.getRandomValues(new Uint8Array(8))).toString('hex'),
    subject: `CN=${commonName}`,
    issuer: signer.name,
    publicKey: keys.publicKey,
    signingKey: signer.key,
    signingAlgorithm: algorithm,
    notBefore: options.notBefore ?? new Date(Date.now() - day),
    notAfter: options.notAfter ?? new Date(Date.now() + 30 * day),
    extensions: [
      new x509.BasicConstraintsExtension(!issuer, undefined, true),
      new x509.SubjectAlternativeNameExtension(addresses.map((value) => ({ type: 'ip', value }) as const)),
    ],
  })
  const key = Buffer.from(await provider.subtle.exportKey('pkcs8', keys.privateKey))
  return {
    cert: certificate.toString('pem'),
    key: x509.PemConverter.encode(key, 'PRIVATE KEY'),
    fingerprint: fingerprintOf(new Uint8Array(certificate.rawData)),
  }
}

async function signerOf(issuer: TestCertificate, provider: Crypto): Promise<{ name: string; key: CryptoKey }> {
  const [der] = x509.PemConverter.decode(issuer.key)
  if (!der) throw new TypeError('The key of the issuer is not PEM.')
  const key = await provider.subtle.importKey('pkcs8', der, algorithm, false, ['sign'])
  return { name: new x509.X509Certificate(issuer.cert).subject, key }
}

function fingerprintOf(der: Uint8Array): string {
  const hex = createHash('sha256').update(der).digest('hex').toUpperCase()
  return hex.replace(/..(?!$)/g, '$&:')
}
