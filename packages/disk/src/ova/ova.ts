import type { Finding } from '../check.ts'
import type { IoOptions } from '../disk-source.ts'
import { diskErrors } from '../errors.ts'
import type { DiskFile } from '../file.ts'
import type { DiskFormat, DiskImage, OpenImageOptions } from '../format.ts'
import { isTarHeader } from '../tar/header.ts'
import { tarFileEntries, type PlacedTarEntry } from '../tar/tar-file.ts'
import { isAppError } from '@nixen/core'
import { vmdk } from '../vmdk/vmdk.ts'
import { ovaErrors } from './errors.ts'
import { ManifestVerifier, maxManifest } from './manifest.ts'
import { maxOvf, parseOvf, type OvfDescriptor, type OvfDisk } from './ovf.ts'
import { readOva } from './read-stream.ts'
import { SubFile } from './sub-file.ts'

/** A VM in one file, as VMware, VirtualBox and others export it; its first disk, or the one that is named by id or file. */
export const ova: DiskFormat = {
  name: 'ova',
  title: 'OVA (virtual machine in one file), read only',
  extensions: ['ova'],
  probe: ({ head }) => isTarHeader(head) && /\.(ovf|mf|cert|vmdk)\0/i.test(nameIn(head)),
  open: (file, options) => openOva(file, options),
  check: (file, options) => checkOva(file, options),
  async decode(stream, options) {
    const reader = await readOva(stream, options)
    for await (const disk of reader.disks())
      return { ...disk, [Symbol.asyncDispose]: () => reader[Symbol.asyncDispose]() }
    await reader[Symbol.asyncDispose]()
    throw ovaErrors.no_disk({ path: options?.name ?? 'The OVA', disk: 'at all', known: [] })
  },
}

function nameIn(head: Uint8Array): string {
  return new TextDecoder('latin1').decode(head.subarray(0, 101))
}

interface OvaIndex {
  readonly descriptor: OvfDescriptor
  readonly entries: ReadonlyMap<string, PlacedTarEntry>
}

/** Reads where everything is; the order does not matter in a file. */
export async function readOvaIndex(file: DiskFile, options: IoOptions = {}): Promise<OvaIndex> {
  const entries = new Map<string, PlacedTarEntry>()
  for await (const entry of tarFileEntries(file, options)) {
    if (entry.kind === 'file') entries.set(entry.name, entry)
    if (entries.size > 10_000) throw diskErrors.corrupt({ path: file.path, what: 'it has more than 10,000 files' })
  }
  const found = [...entries.values()].find(({ name }) => name.toLowerCase().endsWith('.ovf'))
  if (!found) throw ovaErrors.descriptor({ path: file.path, problem: 'there is none' })
  const text = new TextDecoder().decode(await contentOf(file, found, maxOvf))
  return { descriptor: parseOvf(text, file.path), entries }
}

async function contentOf(file: DiskFile, entry: PlacedTarEntry, limit: number): Promise<Uint8Array> {
  if (entry.size > limit) throw diskErrors.too_large({ path: file.path, what: entry.name, size: entry.size, limit })
  const bytes = new Uint8Array(entry.size)
  await file.read(entry.offset, bytes)
  return bytes
}

async function openOva(file: DiskFile, options: OpenImageOptions = {}): Promise<DiskImage> {
  const { descriptor, entries } = await readOvaIndex(file, options)
  const disk = chooseDisk(descriptor, file.path, options.disk)
  const entry = disk.file && entries.get(disk.file.href)
  if (!entry) throw diskErrors.parent_missing({ path: file.path, reference: disk.file?.href ?? disk.id })
  if (disk.file?.compression !== undefined && disk.file.compression !== 'identity') {
    throw diskErrors.unsupported({
      path: file.path,
      feature: `${disk.file.compression} compression, which can only be read as a stream`,
    })
  }
  const image = await vmdk.open(new SubFile(file, entry), { signal: options.signal })
  if (image.size !== disk.capacity) {
    throw diskErrors.size_mismatch({ what: image.info.format, size: image.size, expected: disk.capacity })
  }
  const details = { disk: disk.id, file: entry.name, disks: descriptor.disks.length, vm: descriptor.name }
  return {
    size: image.size,
    info: { format: 'ova', virtualSize: image.size, details },
    extents: (extentOptions) => image.extents(extentOptions),
    read: (offset, into, readOptions) => image.read(offset, into, readOptions),
    [Symbol.asyncDispose]: () => image[Symbol.asyncDispose](),
  }
}

function chooseDisk(descriptor: OvfDescriptor, path: string, wanted: string | undefined): OvfDisk {
  const disk = descriptor.disks.find(({ id, file }) =>
    wanted === undefined ? file !== undefined : id === wanted || file?.href === wanted,
  )
  if (disk) return disk
  const known = descriptor.disks.map(({ id, file }) => `${id} (${file?.href ?? 'empty'})`)
  throw ovaErrors.no_disk({ path, disk: wanted ?? 'with data', known })
}

/** Compares every file with the manifest. */
async function* checkOva(file: DiskFile, options: IoOptions = {}): AsyncGenerator<Finding> {
  const { entries } = await readOvaIndex(file, options)
  const manifest = [...entries.values()].find(({ name }) => name.toLowerCase().endsWith('.mf'))
  if (!manifest) {
    yield { severity: 'note', code: 'manifest', message: 'There is no manifest: damage can not be told.' }
    return
  }
  const verifier = new ManifestVerifier(file.path)
  verifier.setManifest(new TextDecoder().decode(await contentOf(file, manifest, maxManifest)))
  const buffer = new Uint8Array(1024 * 1024)
  for (const entry of entries.values()) {
    const digest = verifier.start(entry.name)
    for (let done = 0; done < entry.size; done += buffer.length) {
      const part = buffer.subarray(0, Math.min(buffer.length, entry.size - done))
      await file.read(entry.offset + done, part, options)
      digest.update(part)
    }
    try {
      digest.end()
    } catch (error) {
      if (!isAppError(error, 'ova.digest')) throw error
      yield { severity: 'error', code: 'checksum', message: error.message, offset: entry.offset }
    }
  }
}
