import type { Extent, ExtentOptions, IoOptions } from '../disk-source.ts'
import { diskErrors } from '../errors.ts'
import { checkRange, joinExtents, withZeros } from '../extents.ts'
import type { DiskFile } from '../file.ts'
import type { DiskFormat, DiskImage, ImageInfo, OpenImageOptions } from '../format.ts'
import { maxDescriptor, parseDescriptor, type ExtentLine, type VmdkDescriptor } from './descriptor.ts'
import type { VmdkExtent } from './extent.ts'
import { isSparseHeader, parseSparseHeader, sector } from './header.ts'
import { FlatExtent, ZeroExtent } from './other-extents.ts'
import { openSparseExtent } from './sparse-extent.ts'
import { decodeVmdk } from './stream-read.ts'
import { createVmdk, encodeVmdk } from './stream-write.ts'

const descriptorStart = '# Disk DescriptorFile'

/** Disks of VMware: one sparse file, a descriptor with flat or sparse files beside it, or stream-optimized. */
export const vmdk: DiskFormat = {
  name: 'vmdk',
  title: 'VMDK (sparse, flat, split; written stream-optimized)',
  extensions: ['vmdk'],
  probe: ({ head }) => isSparseHeader(head) || startsAsDescriptor(head),
  open: openVmdk,
  create: createVmdk,
  decode: decodeVmdk,
  encode: encodeVmdk,
}

function startsAsDescriptor(head: Uint8Array): boolean {
  const text = new TextDecoder('latin1').decode(head.subarray(0, 512)).trimStart()
  return text.toLowerCase().startsWith(descriptorStart.toLowerCase())
}

async function openVmdk(file: DiskFile, options: OpenImageOptions = {}): Promise<DiskImage> {
  const size = await file.size()
  const head = new Uint8Array(Math.min(size, sector))
  await file.read(0, head, options)
  if (isSparseHeader(head)) {
    const descriptor = await embeddedDescriptor(file, head)
    if (descriptor) refuseParents(descriptor, file, options)
    const extent = await openSparseExtent(file, options)
    return new VmdkImage(
      [extent],
      describe(descriptor?.createType ?? 'monolithicSparse', [extent], extent.header.grainSize),
    )
  }
  if (!startsAsDescriptor(head)) throw diskErrors.not_this_format({ path: file.path, format: 'vmdk' })
  if (size > maxDescriptor)
    throw diskErrors.too_large({ path: file.path, what: 'the descriptor', size, limit: maxDescriptor })
  const descriptor = parseDescriptor(await textOf(file, 0, size), file.path)
  refuseParents(descriptor, file, options)
  const extents = await openExtents(descriptor, file, options)
  await file[Symbol.asyncDispose]()
  return new VmdkImage(extents, describe(descriptor.createType, extents))
}

async function embeddedDescriptor(file: DiskFile, head: Uint8Array): Promise<VmdkDescriptor | undefined> {
  const { descriptorOffset, descriptorSize } = parseSparseHeader(head, file.path)
  // Only the first file of a split disk, or none, has it inside.
  if (descriptorOffset === 0 || descriptorSize === 0) return undefined
  if (descriptorSize > maxDescriptor) {
    throw diskErrors.too_large({ path: file.path, what: 'the descriptor', size: descriptorSize, limit: maxDescriptor })
  }
  const text = await textOf(file, descriptorOffset, descriptorSize)
  return text.startsWith('\0') ? undefined : parseDescriptor(text, file.path)
}

async function textOf(file: DiskFile, offset: number, length: number): Promise<string> {
  const bytes = new Uint8Array(length)
  await file.read(offset, bytes)
  return new TextDecoder().decode(bytes)
}

function refuseParents(descriptor: VmdkDescriptor, file: DiskFile, { alone }: OpenImageOptions): void {
  if (descriptor.parentContentId === 'ffffffff' || alone) return
  throw diskErrors.unsupported({ path: file.path, feature: 'a parent (it is a snapshot); consolidate it first' })
}

async function openExtents(
  descriptor: VmdkDescriptor,
  from: DiskFile,
  options: OpenImageOptions,
): Promise<VmdkExtent[]> {
  const opened: VmdkExtent[] = []
  try {
    for (const line of descriptor.extents) opened.push(await openExtent(line, from, options))
    return opened
  } catch (error) {
    await closeAll(opened)
    throw error
  }
}

async function openExtent(line: ExtentLine, from: DiskFile, options: OpenImageOptions): Promise<VmdkExtent> {
  const size = line.sectors * sector
  if (!Number.isSafeInteger(size)) throw diskErrors.corrupt({ path: from.path, what: 'an extent is beyond every file' })
  if (line.access === 'NOACCESS' || line.type === 'ZERO') return new ZeroExtent(size)
  if (line.file === undefined || !['FLAT', 'VMFS', 'SPARSE'].includes(line.type)) {
    throw diskErrors.unsupported({ path: from.path, feature: `an extent of type ${line.type}` })
  }
  if (!options.folder) throw diskErrors.parent_missing({ path: from.path, reference: line.file })
  const file = await options.folder.open(line.file, from)
  try {
    if (line.type !== 'SPARSE') return await FlatExtent.open(file, { offset: line.offset * sector, size })
    const extent = await openSparseExtent(file, options)
    if (extent.size === size) return extent
    throw diskErrors.size_mismatch({ what: file.path, size: extent.size, expected: size })
  } catch (error) {
    await file[Symbol.asyncDispose]()
    throw error
  }
}

function describe(createType: string, extents: readonly VmdkExtent[], grainSize?: number): ImageInfo {
  const virtualSize = extents.reduce((sum, { size }) => sum + size, 0)
  const details = { subformat: createType, extents: extents.length, ...(grainSize === undefined ? {} : { grainSize }) }
  return { format: 'vmdk', virtualSize, details }
}

async function closeAll(extents: readonly VmdkExtent[]): Promise<void> {
  for (const extent of extents) await extent[Symbol.asyncDispose]()
}

class VmdkImage implements DiskImage {
  readonly size: number
  readonly info: ImageInfo
  readonly #extents: readonly VmdkExtent[]

  constructor(extents: readonly VmdkExtent[], info: ImageInfo) {
    this.#extents = extents
    this.info = info
    this.size = info.virtualSize
    if (!Number.isSafeInteger(this.size))
      throw diskErrors.corrupt({ path: 'The VMDK', what: 'its size is beyond every disk' })
  }

  extents({ since, signal }: ExtentOptions = {}): AsyncIterable<Extent> {
    if (since !== undefined) throw diskErrors.changes_unknown({ path: 'The VMDK', since })
    return joinExtents(withZeros(this.#data({ signal }), this.size))
  }

  async read(offset: number, into: Uint8Array, options?: IoOptions): Promise<void> {
    checkRange(this.size, offset, into.length)
    let start = 0
    for (const extent of this.#extents) {
      const from = Math.max(offset, start)
      const to = Math.min(offset + into.length, start + extent.size)
      if (from < to) await extent.read(from - start, into.subarray(from - offset, to - offset), options)
      start += extent.size
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await closeAll(this.#extents)
  }

  async *#data(options: IoOptions): AsyncGenerator<{ offset: number; length: number }> {
    let start = 0
    for (const extent of this.#extents) {
      for await (const { offset, length } of extent.data(options)) yield { offset: start + offset, length }
      start += extent.size
    }
  }
}
