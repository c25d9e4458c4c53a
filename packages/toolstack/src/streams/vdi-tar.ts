import { writeXva, type DiskSource, type IoOptions } from '@nixen/disk'

/** A disk in chunks of 1 MiB under the names `vdi/00000000`, each with its checksum: an XVA without a description. */
export async function* encodeVdiTar(source: DiskSource, { signal }: IoOptions = {}): AsyncGenerator<Uint8Array> {
  let isFirst = true
  for await (const part of writeXva({ ovaXml: '', disks: [{ ref: 'vdi', source }], signal })) {
    // The first part is the description.
    if (!isFirst) yield part
    isFirst = false
  }
}
