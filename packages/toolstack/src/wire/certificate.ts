import 'reflect-metadata'
import { createHash, randomBytes, webcrypto, X509Certificate } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { join } from 'node:path'
import { systemCode } from '@nixen/core'
import {
  BasicConstraintsExtension,
  cryptoProvider,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509'

/** A server's key and certificate, both PEM. */
export interface ServerCertificate {
  readonly key: string
  readonly cert: string
  /** SHA-256 of the certificate, upper-case hex pairs with colons, as hosts print it. */
  readonly fingerprint: string
  readonly notBefore: number
  readonly notAfter: number
}

const validDays = 3650
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const

/** The certificate kept in `directory`, made when there is none; one that lives in memory without a directory. */
export async function serverCertificate(
  name: string,
  addresses: readonly string[],
  directory: string | undefined,
): Promise<ServerCertificate> {
  if (directory === undefined) return await makeCertificate(name, addresses)
  const path = join(directory, 'tls.json')
  const kept = await readCertificate(path)
  if (kept) return kept
  const made = await makeCertificate(name, addresses)
  await mkdir(directory, { recursive: true })
  // Under its name only when complete. Only this user may read the key.
  await writeFile(`${path}.new`, JSON.stringify({ ...made, addresses }), { mode: 0o600, flush: true })
  await rename(`${path}.new`, path)
  return made
}

/** The certificate in a file, if there is one that is still valid. */
export async function readCertificate(path: string): Promise<ServerCertificate | undefined> {
  try {
    // Written by the function above, whole or not at all.
    const kept = JSON.parse(await readFile(path, 'utf8')) as ServerCertificate
    return kept.notAfter > Date.now() ? kept : undefined
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/** What is told of a certificate, and a chain after it, that came from elsewhere. */
export function certificateOf({ key, cert }: Pick<ServerCertificate, 'key' | 'cert'>): ServerCertificate {
  const { fingerprint256, validFrom, validTo } = new X509Certificate(cert)
  const [notBefore, notAfter] = [Date.parse(validFrom), Date.parse(validTo)]
  return { key, cert, fingerprint: fingerprint256, notBefore, notAfter }
}

/** A new certificate that signs itself. */
export async function makeCertificate(name: string, addresses: readonly string[]): Promise<ServerCertificate> {
  cryptoProvider.set(webcrypto)
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const notBefore = new Date(Date.now() - 3_600_000)
  const notAfter = new Date(notBefore.getTime() + validDays * 86_400_000)
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: `01${randomBytes(8).toString('hex')}`,
    name: `CN=${name}`,
    notBefore,
    notAfter,
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new BasicConstraintsExtension(true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature | KeyUsageFlags.keyCertSign),
      new SubjectAlternativeNameExtension([
        { type: 'dns', value: name },
        // A host may have been given any text for an address.
        ...addresses.filter((value) => isIP(value) !== 0).map((value) => ({ type: 'ip' as const, value })),
      ]),
    ],
  })
  const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64')
  const digest = createHash('sha256').update(Buffer.from(certificate.rawData)).digest('hex').toUpperCase()
  return {
    key: `-----BEGIN PRIVATE KEY-----\n${key.replace(/.{64}(?=.)/g, '$&\n')}\n-----END PRIVATE KEY-----\n`,
    cert: certificate.toString('pem'),
    fingerprint: digest.replace(/..(?=.)/g, '$&:'),
    notBefore: notBefore.getTime(),
    notAfter: notAfter.getTime(),
  }
}
