import type { XdrReader } from './xdr-reader.ts'
import type { XdrWriter } from './xdr-writer.ts'

/** How values of a type go over the wire (XDR, RFC 4506). */
export interface Codec<T> {
  /** @throws libvirt.bad_value for what the type cannot hold */
  write(writer: XdrWriter, value: T): void
  /** @throws libvirt.bad_xdr for bytes that are no such value */
  read(reader: XdrReader): T
}
