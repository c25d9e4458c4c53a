import { errorArea } from '../errors/area.ts'

/** Errors of backup and restore on the host's side. */
export const protectArea = errorArea('protect', {
  cannot_quiesce: {
    status: 409,
    text: (p: { vm: string; reason: string }) =>
      `The guest of ${p.vm} can't be asked to bring its data in order: ${p.reason}`,
    example: { vm: 'web-01', reason: 'XAPI has no such snapshots.' },
  },
  nothing_to_freeze: {
    status: 409,
    text: (p: { vm: string }) => `No disk of ${p.vm} is left to back up: all are excluded, or it has none.`,
    example: { vm: 'web-01' },
  },
  snapshot_failed: {
    status: 502,
    retryable: true,
    text: (p: { vm: string; reason: string }) => `No snapshot of ${p.vm} could be taken: ${p.reason}`,
    example: { vm: 'web-01', reason: 'the storage is full.' },
  },
  chain_too_long: {
    status: 409,
    retryable: true,
    text: (p: { vm: string }) =>
      `No snapshot of ${p.vm} could be taken: the chain of one of its disks is at its limit, because the host has not merged earlier snapshots yet. Remove snapshots, look for errors of coalescing on the storage, and try again later.`,
    example: { vm: 'web-01' },
  },
  storage_full: {
    status: 507,
    text: (p: { storage: string; what: string }) =>
      `The storage ${p.storage} is full: ${p.what}. Make room or choose another one.`,
    example: { storage: 'Local storage', what: 'the disk "root" (20 GiB) does not fit' },
  },
  frozen_gone: {
    status: 410,
    text: (p: { disk: string }) =>
      `The snapshot of the disk ${p.disk} was removed while it was needed. Run the backup again.`,
    example: { disk: 'root' },
  },
  unreadable: {
    status: 502,
    retryable: true,
    text: (p: { disk: string; reasons: string }) => `The disk ${p.disk} can't be read in any way. ${p.reasons}`,
    example: { disk: 'root', reasons: 'No network of the pool is enabled for NBD. The export failed.' },
  },
  changes_only: {
    status: 409,
    text: (p: { disk: string }) =>
      `Only what changed of the disk ${p.disk} was opened, and something else was asked for. Open it again without a token.`,
    example: { disk: 'root' },
  },
  source_changed: {
    status: 409,
    text: (p: { disk: string; before: number; now: number }) =>
      `The frozen disk ${p.disk} has ${p.now} bytes now and had ${p.before} before. Run the backup again.`,
    example: { disk: 'root', before: 1, now: 2 },
  },
  plan_impossible: {
    status: 409,
    text: (p: { problems: readonly string[] }) => `The restore is not possible: ${p.problems.join(' ')}`,
    example: { problems: ['There is no storage to restore to.'] },
  },
  restore_failed: {
    status: 502,
    text: (p: { disk: string; reason: string }) => `The disk ${p.disk} could not be written: ${p.reason}`,
    example: { disk: 'root', reason: 'the host closed the connection.' },
  },
  left_behind: {
    status: 502,
    text: (p: { what: string; reason: string }) =>
      `${p.what} could not be removed (${p.reason}). It is written down and will be removed later.`,
    example: { what: 'The snapshot of web-01', reason: 'the host does not answer' },
  },
  not_ours: {
    status: 409,
    text: (p: { what: string }) => `${p.what} bears no mark of Nixen, or is in use, and is left alone.`,
    example: { what: 'VDI 6f1c2b1e' },
  },
})
export const protectErrors = protectArea.make
