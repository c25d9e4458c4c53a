import type { Xapi } from '../session/xapi.ts'
import type { Ref } from '../values/ref.ts'

/** A way to read a VDI by NBD. */
export interface NbdExport {
  readonly host: string
  readonly port: number
  /** Holds the session reference: a secret while the session lives. */
  readonly exportName: string
  /** PEM of the certificate the server presents; check the connection by it. Empty when the network is meant to be insecure. */
  readonly certificate: string
  /** A DNS name that the certificate is for. */
  readonly subject: string
}

/** Ways to read a VDI by NBD, one for each address of a host that sees it; none when no network of the pool is for NBD. The exports are read-only. */
export async function nbdExports(
  xapi: Xapi,
  vdi: Ref<'VDI'>,
  { signal }: { signal?: AbortSignal } = {},
): Promise<readonly NbdExport[]> {
  const infos = await xapi.client.with({ signal }).VDI.get_nbd_info(vdi)
  return infos.map(({ address, port, exportname, cert, subject }) => ({
    host: address, port, exportName: exportname, certificate: cert, subject,
  })) // prettier-ignore
}
