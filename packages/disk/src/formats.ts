import type { DiskFormat } from './format.ts'
import { raw } from './raw/raw.ts'
import { vhd } from './vhd/vhd.ts'

/** Every format, in the order in which they are tried on an unknown file: what has a signature first, raw last. */
export const diskFormats: readonly DiskFormat[] = [vhd, raw]

/** The format named `name`, if there is one. */
export function formatNamed(name: string): DiskFormat | undefined {
  return diskFormats.find((format) => format.name === name)
}
