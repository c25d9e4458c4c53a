import { messageOf } from '@nixen/core'
import { fileErrors } from './errors.ts'
import { partOf, type Device } from './device.ts'
import { openExt } from './ext/ext.ts'
import { isExt } from './ext/superblock.ts'
import { guarded, told } from './guard.ts'
import { isFat, openFat } from './fat/fat.ts'
import { readPhysicalVolume, type PhysicalVolume } from './lvm/metadata.ts'
import { logicalVolumes } from './lvm/volumes.ts'
import type { FileSystemReader } from './model.ts'
import { isNtfs, openNtfs } from './ntfs/ntfs.ts'
import { readPartitions } from './partition/partitions.ts'
import { isXfs } from './xfs/superblock.ts'
import { openXfs } from './xfs/xfs.ts'

/** A part of a VM's disks that holds a file system, or something else that has a name. */
export interface Volume {
  /** `DISK/1` for a partition, `DISK` for a disk without partitions, `GROUP/NAME` for a logical volume. */
  readonly id: string
  /** Where it is, for people. */
  readonly where: string
  readonly size: number
  /** What it holds: `ext4`, `XFS`, `NTFS`, `FAT32`, or the name of what cannot be read. */
  readonly holds: string
  readonly reader?: FileSystemReader | undefined
  /** Why it cannot be read. */
  readonly problem?: string | undefined
}

export interface NamedDevice {
  readonly name: string
  readonly device: Device
}

/** What disks hold: partitions, logical volumes over all of them, file systems. A part that is broken is named and does not hide the others. */
export async function findVolumes(disks: readonly NamedDevice[]): Promise<Volume[]> {
  const parts: NamedDevice[] = []
  const volumes: Volume[] = []
  for (const { name, device } of disks) {
    try {
      parts.push(...(await told(device.where, () => partsOf(name, device))))
    } catch (error) {
      volumes.push({ id: name, where: device.where, size: device.size, holds: 'unknown', problem: messageOf(error) })
    }
  }
  const physical: PhysicalVolume[] = []
  for (const part of parts) {
    const lvm = await readPhysicalVolume(part.device).catch(() => undefined)
    if (lvm) physical.push(lvm)
    else volumes.push(await volumeOf(part.name, part.device))
  }
  for (const { group, name, size, device, problem } of logicalVolumes(physical)) {
    const id = `${group}/${name}`
    volumes.push(device ? await volumeOf(id, device) : { id, where: id, size, holds: 'LVM', problem })
  }
  return volumes
}

/** The volume of an id; where only one can be read, it needs no name. @throws file.no_volume, what keeps it from being read */
export function chooseVolume(
  volumes: readonly Volume[],
  id: string | undefined,
): Volume & { reader: FileSystemReader } {
  const readable = volumes.filter(({ reader }) => reader)
  const chosen =
    id === undefined ? (readable.length === 1 ? readable[0] : undefined) : volumes.find((one) => one.id === id)
  if (!chosen) throw fileErrors.no_volume({ volume: id ?? '', volumes: readable.map((one) => one.id) })
  const { reader, where, problem, holds } = chosen
  if (!reader) throw fileErrors.unsupported({ where, what: problem ?? holds })
  return { ...chosen, reader }
}

async function partsOf(name: string, device: Device): Promise<NamedDevice[]> {
  const table = await readPartitions(device)
  if (table.kind === 'none') return [{ name, device }]
  return table.partitions.map(({ number, start, size }) => {
    const where = `${name}, partition ${number}`
    return { name: `${name}/${number}`, device: partOf(device, start, { size, where }) }
  })
}

async function volumeOf(id: string, device: Device): Promise<Volume> {
  const { where, size } = device
  const facts = { id, where, size }
  try {
    const start = await device.read(0, Math.min(device.size, 4096))
    if (start.length < 2048) return { ...facts, holds: 'nothing' }
    const open = isExt(start)
      ? openExt
      : isXfs(start)
        ? openXfs
        : isNtfs(start)
          ? openNtfs
          : isFat(start)
            ? openFat
            : undefined
    if (!open) return { ...facts, holds: await foreign(device, start) }
    try {
      const reader = guarded(await told(where, () => open(device)), where)
      return { ...facts, holds: reader.name, reader }
    } catch (error) {
      const holds = isExt(start) ? 'ext' : isXfs(start) ? 'XFS' : isNtfs(start) ? 'NTFS' : 'FAT'
      return { ...facts, holds, problem: messageOf(error) }
    }
  } catch (error) {
    return { ...facts, holds: 'unknown', problem: messageOf(error) }
  }
}

/** The name of what is known and not read. */
async function foreign(device: Device, start: Buffer): Promise<string> {
  const at = (offset: number, text: string): boolean => start.toString('latin1', offset, offset + text.length) === text
  if (at(0, 'LUKS\xba\xbe')) return 'LUKS (encrypted)'
  if (at(3, '-FVE-FS-')) return 'BitLocker (encrypted)'
  if (at(3, 'EXFAT   ')) return 'exFAT'
  if (at(3, 'ReFS')) return 'ReFS'
  if (at(4086, 'SWAPSPACE2')) return 'swap'
  if (device.size > 65_536 + 4096) {
    const later = await device.read(65_536, 512)
    if (later.toString('latin1', 64, 72) === '_BHRfS_M') return 'Btrfs'
  }
  return start.every((byte) => byte === 0) ? 'nothing' : 'unknown'
}
