import { diskErrors } from '../errors.ts'

/** Bytes of a sector; the only size that everything reads. */
export const sectorSize = 512
/** Entries of the root folder, which has a fixed place and size in FAT12 and FAT16. */
export const rootEntries = 512
const reservedSectors = 1
const rootSectors: number = (rootEntries * 32) / sectorSize

/** Where everything is on a volume. Lengths and places in sectors unless they say otherwise. */
export interface FatLayout {
  readonly bits: 12 | 16
  readonly sectors: number
  readonly sectorsPerCluster: number
  readonly clusters: number
  readonly fatSectors: number
  readonly fatStart: number
  readonly rootStart: number
  readonly dataStart: number
}

/** The layout of a volume of so many sectors, with the smallest clusters that FAT16 can number. */
export function planLayout(sectors: number): FatLayout {
  for (let sectorsPerCluster = 1; sectorsPerCluster <= 64; sectorsPerCluster *= 2) {
    for (const bits of [12, 16] as const) {
      const layout = layoutFor(sectors, sectorsPerCluster, bits)
      // The number of clusters alone decides how a volume is read (Microsoft FAT specification 1.03).
      const fits = bits === 12 ? layout.clusters < 4085 : layout.clusters >= 4085 && layout.clusters < 65_525
      if (fits && layout.clusters > 0) return layout
    }
  }
  const reason = 'FAT12 and FAT16 volumes have 40 KiB to 2 GiB'
  throw diskErrors.bad_size({ size: sectors * sectorSize, reason })
}

function layoutFor(sectors: number, sectorsPerCluster: number, bits: 12 | 16): FatLayout {
  const free = sectors - reservedSectors - rootSectors
  // Two tables with an entry for each cluster take from the room for clusters.
  const perCluster = sectorsPerCluster + (2 * bits) / 8 / sectorSize
  const estimate = Math.max(0, Math.ceil(free / perCluster)) + 2
  const fatSectors = Math.ceil((estimate * bits) / 8 / sectorSize)
  const fatStart = reservedSectors
  const rootStart = fatStart + 2 * fatSectors
  const dataStart = rootStart + rootSectors
  const clusters = Math.floor((sectors - dataStart) / sectorsPerCluster)
  return { bits, sectors, sectorsPerCluster, clusters, fatSectors, fatStart, rootStart, dataStart }
}
