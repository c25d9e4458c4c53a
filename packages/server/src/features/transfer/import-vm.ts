import { transferErrors, type NetworkId, type StorageId } from '@nixen/api'
import { readOva, type OvaDisk, type OvaReader, type OvfDescriptor } from '@nixen/disk'
import type { ActionResult, ActionTask, NewVmImage, ProviderSession } from '@nixen/providers'
import { peek, type CheckedFile } from './incoming.ts'
import { translated } from './open-image.ts'

export interface VmWish {
  readonly storage: StorageId
  readonly format: 'auto' | 'xva' | 'ova'
  readonly name?: string | undefined
  readonly network?: NetworkId | undefined
}

interface Importing {
  readonly file: CheckedFile
  readonly wish: VmWish
  readonly session: ProviderSession
}

/** Makes a VM of an XVA or OVA. @throws transfer.unknown_format, bad_image, checksum, cut, what the host refuses with */
export async function importVm({ file, wish, session }: Importing, task: ActionTask): Promise<ActionResult> {
  const { head, stream } = await peek(file.bytes(), 1024)
  const format = wish.format === 'auto' ? formatOf(head) : wish.format
  const { storage, name } = wish
  switch (format) {
    case 'xva':
      return await session.transfer.importVm(
        { storage, name, body: stream, length: file.length, check: async () => await file.finish() },
        task,
      )
    case 'ova':
      return await importOva({ file, wish, session }, stream, task)
    case undefined:
      throw transferErrors.unknown_format({ what: file.what, known: ['xva', 'ova'] })
  }
}

/** An XVA is a tar that begins with ova.xml, packed or not; an OVA one that begins with an OVF. */
function formatOf(head: Uint8Array): 'xva' | 'ova' | undefined {
  const isPacked = (head[0] === 0x1f && head[1] === 0x8b) || (head[0] === 0x28 && head[1] === 0xb5)
  if (isPacked) return 'xva'
  const text = Buffer.from(head).toString('latin1')
  if (text.slice(257, 262) !== 'ustar') return undefined
  const name = text.slice(0, 100).replace(/\0.*$/s, '').toLowerCase()
  if (name === 'ova.xml') return 'xva'
  return /\.(ovf|mf|cert)$/.test(name) ? 'ova' : undefined
}

async function importOva(
  { file, wish, session }: Importing,
  stream: AsyncGenerator<Uint8Array, void>,
  task: ActionTask,
): Promise<ActionResult> {
  await using reader = await translated(file, () => readOva(stream, { name: file.what, signal: task.signal }))
  const { descriptor } = reader
  const image: NewVmImage = {
    name: wish.name ?? (descriptor.name === '' ? 'Imported VM' : descriptor.name),
    description: descriptor.description ?? '',
    cpus: descriptor.cpus,
    memory: descriptor.memory,
    firmware: descriptor.firmware,
    storage: wish.storage,
    network: wish.network,
    nics: descriptor.networkCards.map(({ network }) => ({ network })),
    disks: disksOf(reader, file),
    empty: emptyDisks(descriptor),
  }
  return { made: [await session.transfer.makeVm(image, task)] }
}

const diskName = (descriptor: OvfDescriptor, place: number): string =>
  `${descriptor.name || 'Imported VM'} disk ${place}`

function emptyDisks(descriptor: OvfDescriptor): NewVmImage['empty'] {
  return [...descriptor.disks.entries()]
    .filter(([, { file }]) => file === undefined)
    .map(([place, { capacity }]) => ({ name: diskName(descriptor, place), place, size: capacity }))
}

/** The disks as they come. It ends when the whole file was read and found to be right, and each disk has come. */
async function* disksOf(reader: OvaReader, file: CheckedFile): NewVmImage['disks'] & AsyncGenerator {
  const { descriptor } = reader
  const missing = new Set(descriptor.disks.filter((disk) => disk.file !== undefined))
  const disks = reader.disks()[Symbol.asyncIterator]()
  for (;;) {
    const next = await translated(file, async () => await disks.next())
    if (next.done) break
    const { disk } = next.value
    const place = descriptor.disks.indexOf(disk)
    missing.delete(disk)
    yield { name: diskName(descriptor, place), place, disk: withPlainErrors(next.value, file) }
  }
  const [lost] = missing
  if (lost)
    throw transferErrors.bad_image({ what: file.what, reason: `The file ${lost.file?.href ?? ''} is not in it.` })
  await file.finish()
}

function withPlainErrors(disk: OvaDisk, file: CheckedFile): OvaDisk {
  return {
    ...disk,
    async *parts(options) {
      const parts = disk.parts(options)[Symbol.asyncIterator]()
      try {
        for (;;) {
          const next = await translated(file, async () => await parts.next())
          if (next.done) return
          yield next.value
        }
      } finally {
        await parts.return?.()
      }
    },
  }
}
