import { catalogue, type AppError } from '@nixen/core'

/** Everything that can be wrong with a repository, a backup or a restore. Storages have a catalogue of their own (`storage.*`). */
export const backupErrors = catalogue('backup', {
  not_a_repository: {
    status: 404,
    text: (p: { location: string }) =>
      `There is no repository at ${p.location}. Create one with "nixen repo init", or check the path.`,
  },
  repository_exists: {
    status: 409,
    text: (p: { location: string }) => `There is a repository at ${p.location} already. Choose an empty place.`,
  },
  unsupported_version: {
    status: 422,
    text: (p: { location: string; version: number }) =>
      `The repository at ${p.location} has format version ${p.version}. Nixen reads versions 1 and 2 and writes version 2.`,
  },
  read_only_version: {
    status: 409,
    text: (p: { location: string }) =>
      `The repository at ${p.location} has format version 1, which Nixen only reads. Run "restic migrate upgrade_repo_v2" on it first.`,
  },
  wrong_password: {
    status: 403,
    text: (p: { location: string; keys: number }) =>
      `The password opens none of the ${p.keys} keys of the repository at ${p.location}. Give another password.`,
  },
  password_empty: { status: 422, text: () => 'The password of a repository must not be empty.' },
  last_key: {
    status: 409,
    text: () => 'This is the only key of the repository. Add another one before it is removed.',
  },
  key_in_use: {
    status: 409,
    text: (p: { key: string }) =>
      `Key ${p.key} opened this repository. Open it with another key before this one is removed.`,
  },
  file_damaged: {
    status: 422,
    text: (p: { file: string; reason: string }) =>
      `The repository file ${p.file} is damaged: ${p.reason}. Run "nixen repo check --read-data" to see what is affected.`,
  },
  blob_missing: {
    status: 422,
    text: (p: { blob: string; type: string }) =>
      `No index of the repository names the ${p.type} blob ${p.blob}. Run "nixen repo check" to see what is affected.`,
  },
  blob_damaged: {
    status: 422,
    text: (p: { blob: string; pack: string; reason: string }) =>
      `Blob ${p.blob} in pack ${p.pack} is damaged: ${p.reason}. Run "nixen repo check --read-data" to see what is affected.`,
  },
  snapshot_not_found: {
    status: 404,
    text: (p: { snapshot: string }) =>
      `No restore point of the repository is called ${p.snapshot}. List them with "nixen repo snapshots".`,
  },
  same_repository: {
    status: 409,
    text: (p: { location: string }) =>
      `Both are the same repository, or ${p.location} is a plain copy of the other. Make the target with "nixen repo init".`,
  },
  read_data_subset: {
    status: 422,
    text: (p: { text: string }) =>
      `${JSON.stringify(p.text)} does not say how much to read. Give a part as 1/7 (of at most 256), a share as 10%, or a size as 50G.`,
  },
  prune_unsafe: {
    status: 409,
    text: (p: { reason: string }) =>
      `Nothing was pruned, because the repository is not whole: ${p.reason}. Run "nixen repo check", and "nixen repo repair" if it says so.`,
  },
  prune_option: {
    status: 422,
    text: (p: { option: string; value: number }) => `${p.option} must be a share from 0 to 1, not ${p.value}.`,
  },
  time_zone: {
    status: 422,
    text: (p: { zone: string }) =>
      `${JSON.stringify(p.zone)} is not a time zone. Give one of the IANA database, as Europe/Berlin.`,
  },
  ambiguous_snapshot: {
    status: 409,
    text: (p: { snapshot: string; candidates: readonly string[] }) =>
      `${p.snapshot} is the beginning of several restore points: ${p.candidates.join(', ')}. Give more digits.`,
  },
  file_not_in_snapshot: {
    status: 404,
    text: (p: { snapshot: string; path: string }) => `Restore point ${p.snapshot} holds no file ${p.path}.`,
  },
  repository_locked: {
    status: 409,
    retryable: true,
    text: (p: { holder: string; since: string; exclusive: boolean }) =>
      `The repository is locked ${p.exclusive ? 'exclusively ' : ''}by ${p.holder} since ${p.since}. Wait, or run "nixen repo unlock" if that process is gone.`,
  },
  lock_lost: {
    status: 409,
    retryable: true,
    text: (p: { lock: string }) =>
      `Lock ${p.lock} of the repository could not be kept: it was removed or could not be refreshed. The work was stopped before anything was changed under another's feet. Run it again.`,
  },
  disk_too_large: {
    status: 422,
    text: (p: { name: string; size: number; limit: number }) =>
      `Disk ${p.name} has ${p.size} bytes. One file of a repository holds at most ${p.limit}.`,
  },
  disk_name: {
    status: 422,
    text: (p: { name: string }) =>
      `${JSON.stringify(p.name)} can't name a file of a restore point. Use letters, digits, "." "-" and "_".`,
  },
  source_failed: {
    status: 502,
    text: (p: { disk: string; offset: number; length: number }) =>
      `Disk ${p.disk} could not be read at ${p.offset} (${p.length} bytes). No restore point was made. Run the backup again.`,
  },
  worker_failed: {
    status: 500,
    text: (p: { reason: string }) => `A worker thread of the backup ended early: ${p.reason}. Run it again.`,
  },
  self_check_failed: {
    status: 500,
    text: (p: { what: string }) =>
      `${p.what} did not decode to what was put in, so it was not saved. Memory or processor may be faulty: test the machine.`,
  },
  restore_damaged: {
    status: 422,
    text: (p: { path: string; bytes: number; ranges: readonly { offset: number; length: number }[] }) =>
      `${p.bytes} bytes of ${p.path} can't be restored: ${p.ranges
        .slice(0, 5)
        .map((range) => `${range.length} bytes at ${range.offset}`)
        .join(
          ', ',
        )}${p.ranges.length > 5 ? ` and ${p.ranges.length - 5} more ranges` : ''}. Nothing was kept. Restore another point, or let the lost ranges read as zeros.`,
  },
  target_size: {
    status: 422,
    text: (p: { path: string; needed: number; actual: number }) =>
      `The target has ${p.actual} bytes, ${p.path} needs ${p.needed}. Give a target of that size.`,
  },
  tree_invalid: {
    status: 422,
    text: (p: { tree: string; reason: string }) => `Tree ${p.tree} is not a valid tree of a repository: ${p.reason}.`,
  },
  blob_too_large: {
    status: 422,
    text: (p: { size: number; limit: number }) => `A blob of ${p.size} bytes is more than the ${p.limit} that fit.`,
  },
})

/** `backup.file_damaged` for the file `kind/name`. */
export function damaged(kind: string, name: string, reason: string, cause?: unknown): AppError {
  return backupErrors.file_damaged({ file: name ? `${kind}/${name}` : kind, reason }, cause ? { cause } : {})
}
