import { LibvirtError } from '../errors.ts'
import { RemoteError } from '../generated/types.ts'
import type { Procedure } from '../wire/procedure.ts'
import type { XdrReader } from '../wire/xdr-reader.ts'

/** The error that a daemon sent in place of an answer. @throws libvirt.bad_xdr */
export function remoteError(reader: XdrReader, { name }: Pick<Procedure, 'name'>): LibvirtError {
  const { code, domain, message, level, str1, str2, str3, int1, int2 } = RemoteError.read(reader)
  const fields = { code, domain, level, str1, str2, str3, int1, int2 }
  return new LibvirtError({ ...fields, message: message ?? 'It did not say why' }, name)
}
