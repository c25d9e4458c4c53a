import { randomBytes, webcrypto } from 'node:crypto'
import { isIP } from 'node:net'
import type { ExportCredentials } from '@nixen/api'

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const day = 86_400_000
/** An export is for days or weeks; its certificates end long after. */
const lifetime = 3650 * day

/** The server's side. PEM. */
export interface ServerCredentials {
  readonly cert: string
  readonly key: string
  /** Signs the one client certificate that is let in. */
  readonly clientCa: string
}

/** Makes an authority for one export, with a certificate for the server and one for the client. The key of the authority is thrown away. */
export async function makeCredentials(
  names: readonly string[],
  now: number,
): Promise<{ readonly server: ServerCredentials; readonly client: ExportCredentials }> {
  // Loaded when it is needed: it is large. It resolves its parts by `reflect-metadata`.
  await import('reflect-metadata')
  const x509 = await import('@peculiar/x509')
  x509.cryptoProvider.set(webcrypto)
  const newKeys = async () => await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const [authority, serverKeys, clientKeys] = await Promise.all([newKeys(), newKeys(), newKeys()])
  const validity = {
    // Clocks differ: a certificate of today is not refused by one that is an hour behind.
    notBefore: new Date(now - day),
    notAfter: new Date(now + lifetime),
    signingAlgorithm: algorithm,
  }
  // Positive and not zero (RFC 5280 §4.1.2.2).
  const serial = (): string => `01${randomBytes(15).toString('hex')}`
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity,
    serialNumber: serial(),
    name: 'CN=Nixen export',
    keys: authority,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
    ],
  })
  const sign = async (subject: string, publicKey: webcrypto.CryptoKey, usage: 'serverAuth' | 'clientAuth') =>
    await x509.X509CertificateGenerator.create({
      ...validity,
      serialNumber: serial(),
      issuer: ca.subject,
      subject,
      publicKey,
      signingKey: authority.privateKey,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage[usage]]),
        ...(usage === 'serverAuth' ? [new x509.SubjectAlternativeNameExtension(names.map(nameOf))] : []),
      ],
    })
  const pem = async (key: webcrypto.CryptoKey): Promise<string> =>
    x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')
  const [server, client] = await Promise.all([
    sign('CN=Nixen NBD server', serverKeys.publicKey, 'serverAuth'),
    sign('CN=Nixen NBD client', clientKeys.publicKey, 'clientAuth'),
  ])
  const authorityPem = ca.toString('pem')
  return {
    server: { cert: server.toString('pem'), key: await pem(serverKeys.privateKey), clientCa: authorityPem },
    client: { ca: authorityPem, certificate: client.toString('pem'), key: await pem(clientKeys.privateKey) },
  }
}

function nameOf(value: string): { readonly type: 'ip' | 'dns'; readonly value: string } {
  return isIP(value) ? { type: 'ip', value } : { type: 'dns', value }
}
