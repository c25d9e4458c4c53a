import {
  constants as c,
  optional,
  parseStoragePool,
  parseStorageVolume,
  type Libvirt,
  type StoragePool,
  type StorageVol,
} from '@nixen/libvirt'
import { isGone } from '../errors.ts'
import type { PoolRow, VolumeRow } from '../model/rows.ts'

export async function listPools({ call }: Libvirt): Promise<readonly StoragePool[]> {
  return (await optional(call.connectListAllStoragePools({ needResults: 1 })))?.pools ?? []
}

/** Reads a pool; `undefined` when it is gone. */
export async function readPool({ call }: Libvirt, pool: StoragePool): Promise<PoolRow | undefined> {
  try {
    const [text, info] = await Promise.all([call.storagePoolGetXmlDesc({ pool }), call.storagePoolGetInfo({ pool })])
    const { type, path, capacity, allocation } = parseStoragePool(text.xml)
    return { pool, type, path, isActive: info.state === c.VIR_STORAGE_POOL_RUNNING, capacity, allocation }
  } catch (error) {
    if (isGone(error)) return undefined
    throw error
  }
}

/** The volumes of a pool; none of one that is not active. */
export async function listVolumes({ call }: Libvirt, { pool, isActive }: PoolRow): Promise<readonly StorageVol[]> {
  if (!isActive) return []
  try {
    return (await call.storagePoolListAllVolumes({ pool, needResults: 1 })).vols
  } catch (error) {
    // It may have been stopped since.
    if (isGone(error) || (error instanceof Error && /is not active/.test(error.message))) return []
    throw error
  }
}

/** Reads a volume; `undefined` when it is gone. */
export async function readVolume({ call }: Libvirt, vol: StorageVol, pool: string): Promise<VolumeRow | undefined> {
  try {
    const { path, capacity, allocation, format, backing, changed } = parseStorageVolume(
      (await call.storageVolGetXmlDesc({ vol })).xml,
    )
    return { vol, pool, path, capacity, allocation, format, backing: backing?.path, changed }
  } catch (error) {
    if (isGone(error)) return undefined
    throw error
  }
}
