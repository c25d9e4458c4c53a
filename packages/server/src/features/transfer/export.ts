import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { transferErrors, type diskExportFormats, type DiskId, type SnapshotId, type VmId } from '@nixen/api'
import { encodeRaw, formatNamed, tarEnd, tarHeader, tarPadding, writeOvf } from '@nixen/disk'
import type { ActionTask, ProviderSession, VmDescription } from '@nixen/providers'
import type { Outgoing } from './run-transfer.ts'
import type { Spool } from './spool.ts'

/** A disk in a format: as the host gives it, or converted on the way. */
export async function exportDisk(
  { transfer }: ProviderSession,
  { id, format }: { readonly id: DiskId; readonly format: (typeof diskExportFormats)[number] },
  task: ActionTask,
): Promise<Outgoing> {
  if (transfer.diskFormats.includes(format)) return await transfer.exportDisk({ id, format }, task)
  return convertedDisk({ transfer }, { id, format }, task)
}

/** Reads a disk from front to back, and writes another format while it comes. */
function convertedDisk(
  { transfer }: Pick<ProviderSession, 'transfer'>,
  { id, format }: { readonly id: DiskId; readonly format: string },
  task: ActionTask,
): Outgoing {
  const { signal } = task
  const bytes = async function* (): AsyncGenerator<Uint8Array> {
    await using source = await transfer.readDisk(id, task)
    const encoder = formatNamed(format)?.encode
    if (!encoder && format !== 'raw')
      throw transferErrors.unknown_format({ what: 'The disk', known: transfer.diskFormats })
    if (encoder) yield* (await encoder(source, { signal })).bytes
    else yield* encodeRaw(source, { signal })
  }
  return { bytes: bytes() }
}

export interface OvaWish {
  readonly id: VmId | SnapshotId
  readonly spool: Spool
}

/**
 * A VM as an OVA (DMTF DSP0243): the descriptor, each disk as a stream-optimized VMDK, and at the end the manifest. A tar names the size of each file
 * before it, so that each packed disk is kept on the server until it is whole.
 */
export async function exportOva(
  { transfer }: ProviderSession,
  { id, spool }: OvaWish,
  task: ActionTask,
): Promise<Outgoing> {
  const vm = await transfer.describeVm(id)
  return { bytes: ovaOf({ transfer }, { vm, spool }, task) }
}

async function* ovaOf(
  { transfer }: Pick<ProviderSession, 'transfer'>,
  { vm, spool }: { readonly vm: VmDescription; readonly spool: Spool },
  task: ActionTask,
): AsyncGenerator<Uint8Array> {
  const { signal } = task
  const base = vm.name.replaceAll(/[^A-Za-z0-9._-]+/g, '_').slice(0, 60) || 'vm'
  const files = vm.disks.map((_, index) => `${base}-disk${index + 1}.vmdk`)
  const ovf = Buffer.from(
    writeOvf({ ...vm, disks: vm.disks.map(({ size }, index) => ({ size, file: files[index] ?? '' })) }),
  )
  const digests = [digestLine(`${base}.ovf`, createHash('sha256').update(ovf).digest('hex'))]
  yield* entry(`${base}.ovf`, ovf)
  for (const [index, { id, name, size }] of vm.disks.entries()) {
    task.progress(undefined, `Packing ${name}`)
    const file = files[index] ?? ''
    if (size % 512 !== 0) throw new TypeError('Disks are of whole sectors')
    const hash = createHash('sha256')
    await using packed = await spool.keep(convertedDisk({ transfer }, { id, format: 'vmdk' }, task).bytes, { signal })
    task.progress(undefined, `Sending ${name}`)
    yield tarHeader({ name: file, size: packed.size })
    for await (const part of createReadStream(packed.path, { highWaterMark: 1024 * 1024, signal })) {
      // Without an encoding these are buffers.
      const bytes = part as Uint8Array
      hash.update(bytes)
      yield bytes
    }
    yield tarPadding(packed.size)
    digests.push(digestLine(file, hash.digest('hex')))
  }
  yield* entry(`${base}.mf`, Buffer.from(digests.join('')))
  yield tarEnd
}

const digestLine = (name: string, hex: string): string => `SHA256(${name})= ${hex}\n`

function* entry(name: string, content: Uint8Array): Generator<Uint8Array> {
  yield tarHeader({ name, size: content.length })
  yield content
  yield tarPadding(content.length)
}
