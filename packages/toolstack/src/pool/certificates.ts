import { createHash, X509Certificate } from 'node:crypto'
import type { Database } from '../db/database.ts'
import type { Ref } from '../generated/rows.ts'
import type { ServerCertificate } from '../wire/certificate.ts'

/** Makes the hosts' certificate records say what they really answer with. */
export function addCertificates(db: Database, certificates: ReadonlyMap<Ref<'host'>, ServerCertificate>): void {
  for (const [host, certificate] of certificates) addCertificate(db, host, certificate)
}

function addCertificate(
  db: Database,
  host: Ref<'host'>,
  { cert, fingerprint, notBefore, notAfter }: ServerCertificate,
): void {
  const raw = new X509Certificate(cert).raw
  const sha1 = createHash('sha1')
    .update(raw)
    .digest('hex')
    .toUpperCase()
    .replace(/..(?=.)/g, '$&:')
  const kept = [...db.get('host', host).certificates]
  if (kept.some((ref) => db.get('Certificate', ref).fingerprint_sha256 === fingerprint)) return
  for (const old of kept) db.remove(old)
  db.insert('Certificate', {
    name: '',
    type: 'host',
    host,
    not_before: notBefore,
    not_after: notAfter,
    fingerprint,
    fingerprint_sha256: fingerprint,
    fingerprint_sha1: sha1,
  })
}
