import { createHash, X509Certificate } from 'node:crypto'
import type { Database } from '../db/database.ts'
import type { ServerCertificate } from '../wire/certificate.ts'

/** Makes the hosts' certificate records say what they really answer with. */
export function addCertificates(db: Database, { cert, fingerprint, notBefore, notAfter }: ServerCertificate): void {
  const raw = new X509Certificate(cert).raw
  const sha1 = createHash('sha1')
    .update(raw)
    .digest('hex')
    .toUpperCase()
    .replace(/..(?=.)/g, '$&:')
  for (const { ref: host, values } of db.rows('host')) {
    const known = [...values.certificates].map((ref) => db.get('Certificate', ref))
    if (known.some((certificate) => certificate.fingerprint_sha256 === fingerprint)) continue
    for (const old of values.certificates) db.remove(old)
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
}
