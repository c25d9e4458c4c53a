import type { DiskFormat } from '../format.ts'
import { checkVhd } from './check-vhd.ts'
import { hasFooterCookie } from './footer.ts'
import { createVhd } from './vhd-sink.ts'
import { openVhd } from './vhd-image.ts'
import { decodeVhd } from './decode-vhd.ts'
import { encodeVhd } from './encode-vhd.ts'

/** Virtual PC, Hyper-V, Azure and XenServer disks: fixed, dynamic and differencing. */
export const vhd: DiskFormat = {
  name: 'vhd',
  title: 'VHD (fixed, dynamic, differencing), up to 2040 GiB',
  extensions: ['vhd', 'vpc'],
  probe: ({ head, tail }) => hasFooterCookie(tail) || hasFooterCookie(head),
  open: openVhd,
  create: createVhd,
  check: checkVhd,
  decode: decodeVhd,
  encode: encodeVhd,
}
