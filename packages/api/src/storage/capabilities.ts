import { capabilities, type Rule } from '../capability/capabilities.ts'
import type { Storage } from './storage.ts'

const isUsable: Rule<Storage> = {
  when: (storage) => storage.state !== 'detached',
  otherwise: 'No host is attached to it.',
}

/** What may be done with a storage, and why not. */
export const storageCan = capabilities<Storage>()({
  update: [],
  scan: [isUsable],
  createDisk: [
    isUsable,
    {
      when: (storage) => storage.content === 'disks' || storage.content === 'mixed',
      otherwise: 'It does not hold disks of VMs.',
    },
    { when: (storage) => storage.maintenance !== true, otherwise: 'It is in maintenance.' },
  ],
  connect: [
    { when: (storage) => storage.state !== 'ok', otherwise: 'All hosts are attached to it.' },
    { when: (storage) => storage.maintenance !== true, otherwise: 'It is in maintenance. Take it out of that first.' },
  ],
  disconnect: [isUsable],
  makeDefault: [
    isUsable,
    { when: (storage) => storage.default !== true, otherwise: 'It is the default already.' },
    {
      when: (storage) => storage.content === 'disks' || storage.content === 'mixed',
      otherwise: 'It does not hold disks of VMs.',
    },
  ],
  enterMaintenance: [
    { when: (storage) => storage.maintenance !== true, otherwise: 'It is in maintenance already.' },
    isUsable,
  ],
  leaveMaintenance: [{ when: (storage) => storage.maintenance === true, otherwise: 'It is not in maintenance.' }],
  reclaim: [isUsable],
  /** The pool forgets it; what it holds stays. */
  forget: [{ when: (storage) => storage.state === 'detached', otherwise: 'Disconnect it from all hosts first.' }],
  /** With all that it holds. */
  destroy: [
    {
      when: (storage) => storage.disks === 0,
      otherwise: (storage) => `It holds ${storage.disks} disks. Delete or move them first.`,
    },
  ],
})
export type StorageAction = keyof typeof storageCan
