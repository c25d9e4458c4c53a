import type { ByteStream } from '@nixen/core'
import { readXva, writeXva, type DiskSource, type DiskStream, type IoOptions } from '@nixen/disk'
import { XapiError } from '@nixen/xapi'

/** Folder of the chunks. */
const folder = 'vdi'

/** A disk in chunks of 1 MiB under the names `vdi/00000000`, each with its checksum: an XVA without a description. */
export async function* encodeVdiTar(source: DiskSource, { signal }: IoOptions = {}): AsyncGenerator<Uint8Array> {
  let isFirst = true
  for await (const part of writeXva({ ovaXml: '', disks: [{ ref: folder, source }], signal })) {
    // The first part is the description.
    if (!isFirst) yield part
    isFirst = false
  }
}

/** Reads such chunks: an XVA before which the description of a disk of that size is put. */
export async function decodeVdiTar(stream: ByteStream, { size }: { size: number }): Promise<DiskStream> {
  const reader = await readXva(withDescription(stream, size), { name: 'The upload' })
  for await (const disk of reader.disks())
    return { ...disk, [Symbol.asyncDispose]: () => reader[Symbol.asyncDispose]() }
  throw new XapiError('VDI_IO_ERROR', ['The upload has no chunks'])
}

async function* withDescription(stream: ByteStream, size: number): AsyncGenerator<Uint8Array> {
  const member = (name: string, value: string): string => `<member><name>${name}</name>${value}</member>`
  const struct = (...members: string[]): string => `<value><struct>${members.join('')}</struct></value>`
  const vdi = struct(
    member('class', '<value>VDI</value>'),
    member('id', `<value>${folder}</value>`),
    member('snapshot', struct(member('virtual_size', `<value>${size}</value>`))),
  )
  const ovaXml = struct(member('objects', `<value><array><data>${vdi}</data></array></value>`))
  for await (const part of writeXva({ ovaXml, disks: [] })) {
    yield part
    // What follows would be the end of the archive.
    break
  }
  yield* stream
}
