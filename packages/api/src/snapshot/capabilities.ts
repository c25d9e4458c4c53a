import { capabilities, type Rule } from '../capability/capabilities.ts'
import type { Snapshot } from './snapshot.ts'

const isFree: Rule<Snapshot> = {
  when: (snapshot) => (snapshot.busy ?? []).length === 0,
  otherwise: 'The snapshot is busy. Wait until that is done.',
}

/** What may be done with a snapshot, and why not. */
export const snapshotCan = capabilities<Snapshot>()({
  update: [],
  revert: [
    { when: (snapshot) => snapshot.vm !== undefined, otherwise: 'Its VM is gone. Make a new VM from the snapshot.' },
    isFree,
  ],
  clone: [isFree],
  copy: [isFree],
  export: [isFree],
  delete: [isFree],
})
export type SnapshotAction = keyof typeof snapshotCan
