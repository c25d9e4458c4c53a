import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from './processes.ts'

/** Certificates of an authority, a server named `localhost` (127.0.0.1) and a client, in the file names that GnuTLS programs look for. */
export interface TestCertificates {
  readonly folder: string
  readonly ca: string
  readonly server: { readonly cert: string; readonly key: string }
  readonly client: { readonly cert: string; readonly key: string }
}

/** Makes them with openssl, in `folder`. */
export async function makeCertificates(folder: string): Promise<TestCertificates> {
  const path = (name: string): string => join(folder, name)
  await newKey(path('ca-key.pem'))
  await run(
    'openssl',
    ['req', '-x509', '-new', '-key', path('ca-key.pem'), '-subj', '/CN=test authority', '-days', '7'],
    ['-addext', 'keyUsage=critical,keyCertSign,cRLSign', '-out', path('ca-cert.pem')],
  )
  const names = 'subjectAltName=DNS:localhost,IP:127.0.0.1'
  const server = await signed(path, 'server', `${names}\nextendedKeyUsage=serverAuth\nkeyUsage=digitalSignature`)
  const client = await signed(path, 'client', 'extendedKeyUsage=clientAuth\nkeyUsage=digitalSignature')
  return { folder, ca: await readFile(path('ca-cert.pem'), 'utf8'), server, client }
}

async function newKey(path: string): Promise<void> {
  await run('openssl', 'genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', path)
}

async function signed(
  path: (name: string) => string,
  name: string,
  extensions: string,
): Promise<{ cert: string; key: string }> {
  const [key, request, cert] = [path(`${name}-key.pem`), path(`${name}.csr`), path(`${name}-cert.pem`)]
  await newKey(key)
  await writeFile(path(`${name}.ext`), extensions)
  await run('openssl', 'req', '-new', '-key', key, '-subj', `/CN=test ${name}`, '-out', request)
  await run(
    'openssl',
    ['x509', '-req', '-in', request, '-CA', path('ca-cert.pem'), '-CAkey', path('ca-key.pem'), '-CAcreateserial'],
    ['-days', '7', '-extfile', path(`${name}.ext`), '-out', cert],
  )
  return { cert: await readFile(cert, 'utf8'), key: await readFile(key, 'utf8') }
}
