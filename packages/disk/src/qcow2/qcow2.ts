import { viewOf } from '@nixen/core'
import type { DiskFormat } from '../format.ts'
import { magic } from './header.ts'
import { openQcow2 } from './qcow2-image.ts'
import { createQcow2 } from './qcow2-sink.ts'
import { checkQcow2 } from './check-qcow2.ts'
import { decodeQcow2 } from './decode-qcow2.ts'
import { encodeQcow2 } from './encode-qcow2.ts'

/** QEMU's own format, also of XCP-ng 8.3 and later. */
export const qcow2: DiskFormat = {
  name: 'qcow2',
  title: 'qcow2 (versions 2 and 3; zlib and zstd)',
  extensions: ['qcow2', 'qcow'],
  probe: ({ head }) => head.length >= 72 && viewOf(head).getUint32(0) === magic,
  open: openQcow2,
  create: createQcow2,
  check: checkQcow2,
  decode: decodeQcow2,
  encode: encodeQcow2,
}
