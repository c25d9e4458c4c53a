import type { DiskFormat } from '../format.ts'
import { checkVhdx } from './check-vhdx.ts'
import { isVhdx } from './structure.ts'
import { openVhdx } from './vhdx-image.ts'
import { createVhdx } from './vhdx-sink.ts'

/** Hyper-V disks: fixed, dynamic and differencing; written dynamic. */
export const vhdx: DiskFormat = {
  name: 'vhdx',
  title: 'VHDX (fixed, dynamic, differencing), up to 64 TiB',
  extensions: ['vhdx', 'avhdx'],
  probe: ({ head }) => isVhdx(head),
  open: openVhdx,
  create: createVhdx,
  check: checkVhdx,
}
