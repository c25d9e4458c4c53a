import { promisify } from 'node:util'
import { brotliDecompress, gunzip } from 'node:zlib'
import {
  decodeFooter,
  decodeHeader,
  footerSize,
  parentNames,
  vhd,
  openImage,
  type DiskFile,
  type VhdFooter,
  type VhdHeader,
} from '@nixen/disk'
import { xoErrors } from './errors.ts'
import type { XoStore } from './xo-store.ts'

/** One image of a chain: what it holds by itself. */
export interface XoLayer extends AsyncDisposable {
  /** Its name in the repository, the alias where there is one. */
  readonly name: string
  readonly uuid: string
  readonly size: number
  /** Absent for the first one of a chain. */
  readonly parent?: { readonly uuid: string; readonly names: readonly string[] } | undefined
  /** Ranges that it holds, ascending. */
  readonly ranges: readonly LayerRange[]
  /** Bytes within one of its ranges. */
  read(offset: number, into: Uint8Array): Promise<void>
}

export interface LayerRange {
  readonly offset: number
  readonly length: number
}

/** Bytes of a name in an alias. */
const mostAlias = 1024
const blockSize = 2 * 1024 * 1024
/** A sector bitmap before the data of each block. */
const bitmapSize = 512
const headerSize = 1024

/** Opens an image by its name: a VHD file, a VHD folder, or an alias of one. `byFiles`: a merge was interrupted, so files tell what is there. */
export async function openLayer(
  store: XoStore,
  name: string,
  { byFiles = false }: { readonly byFiles?: boolean | undefined } = {},
): Promise<XoLayer> {
  const target = name.endsWith('.alias.vhd') ? await targetOf(store, name) : name
  const { isFolder } = await store.stat(target)
  return isFolder ? await openFolder(store, { name, target, byFiles }) : await openFile(store, { name, target })
}

async function targetOf(store: XoStore, name: string): Promise<string> {
  const bytes = await store.read(name)
  const reference = bytes.toString('utf8').trim()
  if (bytes.length > mostAlias || reference === '' || reference.endsWith('.alias.vhd')) {
    throw xoErrors.damaged({ file: name, what: 'it does not name the folder of an image' })
  }
  return store.resolve(name, reference)
}

async function openFile(store: XoStore, { name, target }: { name: string; target: string }): Promise<XoLayer> {
  if (store.seal.algorithm !== 'none') {
    throw xoErrors.damaged({ file: name, what: 'an encrypted repository has no VHD files, only folders' })
  }
  const file = await store.file(target)
  try {
    const { footer, header } = await structureOf(file)
    const image = await openImage(file, vhd, { alone: true })
    const ranges: LayerRange[] = []
    for await (const { offset, length, kind } of image.extents()) if (kind === 'data') ranges.push({ offset, length })
    const isChild = footer.type === 'differencing' && header !== undefined
    return {
      name,
      uuid: footer.uuid,
      size: footer.size,
      ...(isChild && { parent: { uuid: header.parentUuid, names: await parentNames(file, header) } }),
      ranges,
      read: async (offset, into) => await image.read(offset, into),
      [Symbol.asyncDispose]: async () => await image[Symbol.asyncDispose](),
    }
  } catch (error) {
    await file[Symbol.asyncDispose]()
    throw error
  }
}

async function structureOf(file: DiskFile): Promise<{ footer: VhdFooter; header: VhdHeader | undefined }> {
  const size = await file.size()
  const bytes = Buffer.alloc(footerSize)
  await file.read(Math.max(0, size - footerSize), bytes)
  const footer = decodeFooter(bytes, file.path, size - footerSize)
  if (footer.headerOffset === undefined) return { footer, header: undefined }
  const head = Buffer.alloc(headerSize)
  await file.read(footer.headerOffset, head)
  return { footer, header: decodeHeader(head, { path: file.path, at: footer.headerOffset, size: footer.size }) }
}

/** In threads of Node's own pool: several blocks at a time. */
const decompressors = { brotli: promisify(brotliDecompress), gzip: promisify(gunzip) } as const

type Filter = (bytes: Buffer, file: string) => Promise<Buffer>

async function openFolder(
  store: XoStore,
  { name, target, byFiles }: { name: string; target: string; byFiles: boolean },
): Promise<XoLayer> {
  const filter = await filterOf(store, target)
  const part = async (file: string): Promise<Buffer> =>
    await filter(await store.read(`${target}/${file}`), `${target}/${file}`)
  const footerBytes = await part('footer')
  const footer = sizedFooter(footerBytes, `${target}/footer`)
  const header = folderHeader(await part('header'), `${target}/header`)
  const count = Math.ceil(footer.size / blockSize)
  const present = byFiles ? await presentByFiles(store, target, count) : presentByBitmap(await part('bat'), count)
  const ranges = present.map((block) => rangeOf(block, footer.size))
  const read = blockReader(part)
  return {
    name,
    uuid: footer.uuid,
    size: footer.size,
    ...(footer.type === 'differencing' && { parent: { uuid: header.parentUuid, names: [header.parentName] } }),
    ranges,
    read,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

/** Disks of more than VHD can have are in the same form: only the size counts. */
function sizedFooter(bytes: Buffer, file: string): VhdFooter {
  if (bytes.length !== footerSize) throw xoErrors.damaged({ file, what: `it has ${bytes.length} bytes` })
  const size = Number(bytes.readBigUInt64BE(48))
  if (size <= 4 * 1024 ** 4) return decodeFooter(bytes, file, 0)
  const type = bytes.readUInt32BE(60) === 4 ? 'differencing' : 'dynamic'
  const uuid = bytes.toString('hex', 68, 84)
  return { type, size, headerOffset: footerSize, time: 0, creator: '', uuid }
}

function folderHeader(bytes: Buffer, file: string): { parentUuid: string; parentName: string } {
  if (bytes.length !== headerSize || bytes.toString('latin1', 0, 8) !== 'cxsparse') {
    throw xoErrors.damaged({ file, what: 'there is no VHD header' })
  }
  if (bytes.readUInt32BE(32) !== blockSize) throw xoErrors.damaged({ file, what: 'its blocks are not of 2 MiB' })
  const name = Buffer.from(bytes.subarray(64, 576)).swap16().toString('utf16le').split('\0', 1)[0] ?? ''
  return { parentUuid: bytes.toString('hex', 40, 56), parentName: name }
}

async function filterOf(store: XoStore, folder: string): Promise<Filter> {
  const names = await store.list(folder)
  if (!names.includes('chunk-filters.json')) return (bytes) => Promise.resolve(bytes)
  const filters = await store.json(`${folder}/chunk-filters.json`)
  const [filter, ...others]: readonly unknown[] = Array.isArray(filters) ? filters : ['?']
  if (others.length > 0 || (filter !== undefined && filter !== 'brotli' && filter !== 'gzip')) {
    throw xoErrors.damaged({ file: `${folder}/chunk-filters.json`, what: 'it names an unknown compression' })
  }
  if (filter === undefined) return (bytes) => Promise.resolve(bytes)
  const decompress = decompressors[filter]
  return async (bytes, file) => {
    try {
      return await decompress(bytes, { maxOutputLength: blockSize + bitmapSize })
    } catch (cause) {
      throw xoErrors.damaged({ file, what: 'it cannot be decompressed' }, { cause })
    }
  }
}

/** One bit for each block, the highest first. */
function presentByBitmap(bitmap: Buffer, count: number): number[] {
  const present: number[] = []
  for (let block = 0; block < count; block++) {
    if (((bitmap[block >> 3] ?? 0) & (0x80 >> (block & 7))) !== 0) present.push(block)
  }
  return present
}

async function presentByFiles(store: XoStore, folder: string, count: number): Promise<number[]> {
  const present: number[] = []
  for (const thousand of await store.list(`${folder}/blocks`)) {
    for (const rest of await store.list(`${folder}/blocks/${thousand}`)) {
      const block = Number(thousand) * 1000 + Number(rest)
      if (Number.isInteger(block) && block < count) present.push(block)
    }
  }
  return present.sort((a, b) => a - b)
}

function rangeOf(block: number, size: number): LayerRange {
  const offset = block * blockSize
  return { offset, length: Math.min(blockSize, size - offset) }
}

/** Blocks that are kept after they were read: reads are smaller than blocks, and several go on at once. */
const keptBlocks = 8

function blockReader(part: (file: string) => Promise<Buffer>): XoLayer['read'] {
  const kept = new Map<number, Promise<Buffer>>()
  const load = async (block: number): Promise<Buffer> => {
    const file = `blocks/${Math.floor(block / 1000)}/${block % 1000}`
    const bytes = await part(file)
    if (bytes.length !== bitmapSize + blockSize) throw xoErrors.damaged({ file, what: `it has ${bytes.length} bytes` })
    return bytes.subarray(bitmapSize)
  }
  const get = async (block: number): Promise<Buffer> => {
    const known = kept.get(block)
    if (known) return await known
    const loading = load(block)
    kept.set(block, loading)
    loading.catch(() => kept.delete(block))
    const [oldest] = kept.keys()
    if (kept.size > keptBlocks && oldest !== undefined) kept.delete(oldest)
    return await loading
  }
  return async (offset, into) => {
    const parts: Promise<void>[] = []
    for (let at = 0; at < into.length;) {
      const block = Math.floor((offset + at) / blockSize)
      const inside = offset + at - block * blockSize
      const part = into.subarray(at, at + Math.min(into.length - at, blockSize - inside))
      parts.push(get(block).then((bytes) => part.set(bytes.subarray(inside, inside + part.length))))
      at += part.length
    }
    await Promise.all(parts)
  }
}
