import { diskErrors } from '../errors.ts'

/** Longest descriptor that is read; real ones have a few hundred bytes. */
export const maxDescriptor: number = 1024 * 1024
const maxExtents = 10_000

/** One line of the descriptor: a part of the disk. Sizes and offsets in sectors of 512 bytes. */
export interface ExtentLine {
  readonly access: 'RW' | 'RDONLY' | 'NOACCESS'
  readonly sectors: number
  readonly type: string
  readonly file: string | undefined
  /** Where the part begins in a flat file. */
  readonly offset: number
}

/** The text that describes a VMDK. */
export interface VmdkDescriptor {
  readonly createType: string
  readonly contentId: string
  /** `ffffffff` when the disk builds on no other. */
  readonly parentContentId: string
  readonly extents: readonly ExtentLine[]
}

const extentPattern = /^(RW|RDONLY|NOACCESS)\s+(\d{1,16})\s+([A-Z0-9]+)(?:\s+"([^"]*)"(?:\s+(\d{1,16}))?)?/

/** Parses a descriptor. Errors: `disk.corrupt`. */
export function parseDescriptor(text: string, path: string): VmdkDescriptor {
  const values = new Map<string, string>()
  const extents: ExtentLine[] = []
  // What is not used of the room for the descriptor is zeros.
  for (const line of (text.split('\0', 1)[0] ?? '').split(/\r?\n/)) {
    const extent = extentPattern.exec(line.trim())
    if (extent) {
      extents.push(extentLine(extent))
      continue
    }
    const pair = /^([A-Za-z0-9._]+)\s*=\s*"?([^"]*)"?$/.exec(line.trim())
    if (pair) values.set((pair[1] ?? '').toLowerCase(), pair[2] ?? '')
  }
  const createType = values.get('createtype')
  if (createType === undefined || extents.length === 0 || extents.length > maxExtents) {
    throw diskErrors.corrupt({ path, what: 'its descriptor names no type or no extents' })
  }
  return {
    createType,
    contentId: values.get('cid') ?? '',
    parentContentId: (values.get('parentcid') ?? 'ffffffff').toLowerCase(),
    extents,
  }
}

function extentLine(match: RegExpExecArray): ExtentLine {
  const [, access, sectors, type = '', file, offset] = match
  return {
    // The pattern lets only these through.
    access: access as ExtentLine['access'],
    sectors: Number(sectors),
    type,
    file,
    offset: Number(offset ?? 0),
  }
}

/** The descriptor of a stream-optimized disk. The geometry only matters to old BIOSes. */
export function streamDescriptor(sectors: number, name: string): string {
  const cylinders = Math.min(65_535, Math.ceil(sectors / (255 * 63)))
  return [
    '# Disk DescriptorFile',
    'version=1',
    'CID=fffffffe',
    'parentCID=ffffffff',
    'createType="streamOptimized"',
    '',
    '# Extent description',
    `RW ${sectors} SPARSE "${name}"`,
    '',
    '# The Disk Data Base',
    '#DDB',
    '',
    'ddb.virtualHWVersion = "4"',
    `ddb.geometry.cylinders = "${cylinders}"`,
    'ddb.geometry.heads = "255"',
    'ddb.geometry.sectors = "63"',
    'ddb.adapterType = "lsilogic"',
    '',
  ].join('\n')
}
