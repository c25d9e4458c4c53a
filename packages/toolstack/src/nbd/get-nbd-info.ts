import { X509Certificate } from 'node:crypto'
import { methods, type MethodSet } from '../dispatch/methods.ts'
import { hostsOfSr } from '../streams/objects.ts'
import { nbdAddresses } from './nbd-purpose.ts'
import { nbdPort } from './nbd-servers.ts'

/** Where a disk can be read by NBD. */
export const vdiNbd: MethodSet = methods('VDI', {
  get_nbd_info({ db, pool, session }, self) {
    const { uuid, SR } = db.get('VDI', self)
    const exportname = `/${uuid}?session_id=${session?.ref ?? ''}`
    return hostsOfSr(db, SR).flatMap((host) => {
      const cert = pool.certificates.get(host)?.cert ?? ''
      return nbdAddresses(db, host).map((address) => ({
        exportname,
        address,
        port: pool.nbdPorts.get(host) ?? nbdPort,
        cert,
        subject: subjectOf(cert),
      }))
    })
  },
})

/** A DNS name of the certificate, for clients to compare. */
function subjectOf(cert: string): string {
  if (cert === '') return ''
  const names = new X509Certificate(cert).subjectAltName ?? ''
  return /DNS:([^,\s]+)/.exec(names)?.[1] ?? ''
}
