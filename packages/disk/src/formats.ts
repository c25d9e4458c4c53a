import type { DiskFormat } from './format.ts'
import { ova } from './ova/ova.ts'
import { qcow2 } from './qcow2/qcow2.ts'
import { raw } from './raw/raw.ts'
import { vhd } from './vhd/vhd.ts'
import { vhdx } from './vhdx/vhdx.ts'
import { vmdk } from './vmdk/vmdk.ts'
import { xva } from './xva/xva.ts'

/** Every format, in the order in which they are tried on an unknown file: what has a signature first, raw last. */
export const diskFormats: readonly DiskFormat[] = [qcow2, vhd, vhdx, vmdk, xva, ova, raw]

/** The format named `name`, if there is one. */
export function formatNamed(name: string): DiskFormat | undefined {
  return diskFormats.find((format) => format.name === name)
}
