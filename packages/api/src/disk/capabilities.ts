import { capabilities, type Rule } from '../capability/capabilities.ts'
import type { Disk } from './disk.ts'

const isThere: Rule<Disk> = {
  when: (disk) => disk.missing !== true,
  otherwise: 'The storage no longer has it. Rescan the storage.',
}
const isFree: Rule<Disk> = {
  when: (disk) => (disk.busy ?? []).length === 0,
  otherwise: (disk) => `The disk is busy (${(disk.busy ?? []).join(', ')}). Wait until that is done.`,
}
const isDetached: Rule<Disk> = {
  when: (disk) => !disk.attached,
  otherwise: 'A running VM uses it. Shut the VM down or detach the disk.',
}
const isDisk: Rule<Disk> = { when: (disk) => disk.kind === 'disk', otherwise: 'That works with disks of VMs only.' }
const isWritable: Rule<Disk> = { when: (disk) => disk.readOnly !== true, otherwise: 'The disk cannot be written to.' }

/** What may be done with a disk, and why not. */
export const diskCan = capabilities<Disk>()({
  update: [isThere],
  attach: [
    isThere,
    { when: (disk) => disk.kind === 'disk' || disk.kind === 'image', otherwise: 'That is not a disk for VMs.' },
    {
      when: (disk) => !disk.attached || disk.shareable === true || disk.readOnly === true,
      otherwise: 'A running VM uses it, and it is not shareable.',
    },
    isFree,
  ],
  detach: [{ when: (disk) => disk.vms.length > 0, otherwise: 'No VM has it.' }, isFree],
  /** Larger only, while a VM runs where the storage can. */
  resize: [
    isThere,
    isDisk,
    isWritable,
    { when: (disk) => disk.snapshotOf === undefined, otherwise: 'A snapshot keeps its size.' },
    isFree,
  ],
  snapshot: [
    isThere,
    isDisk,
    { when: (disk) => disk.shareable !== true, otherwise: 'A disk that VMs share cannot be frozen.' },
    isFree,
  ],
  clone: [isThere, isDetached, isFree],
  /** To another storage. */
  migrate: [
    isThere,
    { when: (disk) => disk.snapshotOf === undefined, otherwise: 'A snapshot moves with its disk.' },
    isFree,
  ],
  export: [isThere, isDetached, isFree],
  import: [isThere, isDetached, isWritable, isFree],
  trackChanges: [
    isThere,
    isDisk,
    { when: (disk) => disk.changeTracking !== true, otherwise: 'Its changes are tracked already.' },
    isFree,
  ],
  delete: [isDetached, { when: (disk) => disk.kind !== 'system', otherwise: 'The pool needs it.' }, isFree],
})
export type DiskAction = keyof typeof diskCan
