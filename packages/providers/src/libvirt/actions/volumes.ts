import { storageErrors, type StorageId } from '@nixen/api'
import {
  constants as c,
  parseStoragePool,
  parseStorageVolume,
  xml,
  type Libvirt,
  type StoragePool,
  type StorageVol,
} from '@nixen/libvirt'
import { poolOf, type LibvirtContext } from './context.ts'

/** Types of pools whose volumes are files, which can be qcow2. */
const withFiles: ReadonlySet<string> = new Set(['dir', 'fs', 'netfs', 'vstorage'])

/** What a pool makes: sparse qcow2 in folders, what it has elsewhere. */
export async function formatOf({ call }: Libvirt, pool: StoragePool): Promise<'qcow2' | 'raw'> {
  const { type } = parseStoragePool((await call.storagePoolGetXmlDesc({ pool })).xml)
  return withFiles.has(type) ? 'qcow2' : 'raw'
}

/** The pool of an id, or the default one. @throws storage.not_found */
export async function poolOrDefault(context: LibvirtContext, id: StorageId | undefined): Promise<StoragePool> {
  if (id !== undefined) return await poolOf(context, id)
  const flags = c.VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE
  const { pools } = await context.link.main.call.connectListAllStoragePools({ needResults: 1, flags })
  const found = pools.find(({ name }) => name === 'default') ?? pools.toSorted((a, b) => (a.name < b.name ? -1 : 1))[0]
  if (found) return found
  throw storageErrors.not_found({ id: 'default' })
}

export interface NewVolume {
  readonly name: string
  /** Bytes. */
  readonly size: number
  readonly format: 'qcow2' | 'raw'
  /** Image below it, which is never written again. */
  readonly backing?: { readonly path: string; readonly format: string } | undefined
}

export function volumeXml({ name, size, format, backing }: NewVolume): string {
  const below =
    backing && xml('backingStore', {}, xml('path', {}, backing.path), xml('format', { type: backing.format }))
  const target = xml('target', {}, xml('format', { type: format }))
  return xml(
    'volume',
    {},
    xml('name', {}, name),
    xml('capacity', { unit: 'bytes' }, size),
    // Nothing is reserved.
    ...(format === 'qcow2' ? [xml('allocation', { unit: 'bytes' }, 0)] : []),
    target,
    below,
  ).toString()
}

/** A name that no volume of the pool has: `web-01.qcow2`, `web-01-2.qcow2`, … */
export async function freeName(
  { call }: Libvirt,
  pool: StoragePool,
  { wanted, format }: { readonly wanted: string; readonly format: string },
): Promise<string> {
  const { vols } = await call.storagePoolListAllVolumes({ pool, needResults: 1 })
  const taken = new Set(vols.map(({ name }) => name))
  // A name is a file name, and goes into XML and command lines of the host.
  const base =
    wanted
      .replaceAll(/[^\w.-]+/g, '_')
      .replace(/^\.+/, '')
      .slice(0, 200) || 'disk'
  const ending = format === 'qcow2' ? '.qcow2' : ''
  for (let number = 1; ; number++) {
    const name = `${base}${number === 1 ? '' : `-${number}`}${ending}`
    if (!taken.has(name)) return name
  }
}

/** Makes a volume with the content of another one, which must not change meanwhile. */
export async function copyVolume(
  libvirt: Libvirt,
  from: StorageVol,
  { pool, name }: { readonly pool: StoragePool; readonly name: string },
): Promise<StorageVol> {
  const { capacity } = parseStorageVolume((await libvirt.call.storageVolGetXmlDesc({ vol: from })).xml)
  const format = await formatOf(libvirt, pool)
  const text = volumeXml({ name: await freeName(libvirt, pool, { wanted: name, format }), size: capacity, format })
  return (await libvirt.call.storageVolCreateXmlFrom({ pool, xml: text, clonevol: from, flags: 0 })).vol
}

/** Makes a volume that holds only what will differ from a template's image. */
export async function overlayOf(
  libvirt: Libvirt,
  from: StorageVol,
  { name, size }: { readonly name: string; readonly size?: number | undefined },
): Promise<StorageVol> {
  const { call } = libvirt
  const { capacity, path, format = 'raw' } = parseStorageVolume((await call.storageVolGetXmlDesc({ vol: from })).xml)
  const { pool } = await call.storagePoolLookupByName({ name: from.pool })
  const text = volumeXml({
    name: await freeName(libvirt, pool, { wanted: name, format: 'qcow2' }),
    size: Math.max(size ?? 0, capacity),
    format: 'qcow2',
    backing: { path, format },
  })
  return (await call.storageVolCreateXml({ pool, xml: text })).vol
}
