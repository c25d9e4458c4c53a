import { formatBytes } from '@nixen/core'
import { errorArea } from '../errors/area.ts'

/** Errors about repositories, and of the worker processes that open them. `backup.<code>` passes through beside them. */
export const repositoryArea = errorArea('repository', {
  not_found: {
    status: 404,
    text: (p: { id: string }) => `There is no repository ${p.id}, or you may not see it.`,
    example: { id: 'k3f9x2ab' },
  },
  name_taken: {
    status: 409,
    text: (p: { name: string; id: string }) => `There is a repository called ${p.name} already (${p.id}).`,
    example: { name: 'nas', id: 'k3f9x2ab' },
  },
  known_already: {
    status: 409,
    text: (p: { location: string; name: string; id: string }) =>
      `${p.location} is known already, as ${p.name} (${p.id}).`,
    example: { location: '/mnt/nas/vms', name: 'nas', id: 'k3f9x2ab' },
  },
  other_repository: {
    status: 422,
    text: (p: { location: string; expected: string; found: string }) =>
      `At ${p.location} is another repository (${p.found}) than before (${p.expected}). Add it as a new one, or give the address where the old one is now.`,
    example: { location: '/mnt/nas/vms', expected: '5956a3f67a62', found: '0c2b8d9a11f4' },
  },
  not_a_repository: {
    status: 422,
    text: (p: { location: string }) =>
      `There is no repository at ${p.location}. Create a new one there, or check that the storage is mounted and the address is right.`,
    example: { location: '/mnt/nas/vms' },
  },
  exists: {
    status: 409,
    text: (p: { location: string }) =>
      `There is a repository at ${p.location} already. Add it as an existing one, or choose an empty place.`,
    example: { location: '/mnt/nas/vms' },
  },
  bad_location: {
    status: 422,
    text: (p: { location: string; reason: string }) => `${p.location} cannot hold a repository: ${p.reason}.`,
    example: { location: 'ftp://host/x', reason: '"ftp" is not a kind of storage' },
  },
  wrong_password: {
    status: 422,
    text: (p: { name: string; keys: number }) =>
      `The password opens none of the ${p.keys} keys of ${p.name}. Enter the right one; the recovery sheet has it.`,
    example: { name: 'nas', keys: 2 },
  },
  locked: {
    status: 409,
    retryable: true,
    text: (p: { name: string; holder: string; since: string; exclusive: boolean }) =>
      `${p.name} is locked ${p.exclusive ? 'exclusively ' : ''}by ${p.holder} since ${p.since}. Wait for it, or unlock the repository if that process is gone.`,
    example: { name: 'nas', holder: 'root@nas (process 4211)', since: '2026-11-21T02:00:00.000Z', exclusive: true },
  },
  busy: {
    status: 409,
    retryable: true,
    text: (p: { name: string; what: string }) =>
      `${p.name} is in use here (${p.what}), and this needs it alone. Try again when that is done.`,
    example: { name: 'nas', what: 'backup' },
  },
  full: {
    status: 507,
    text: (p: { name: string; where: string }) =>
      `No room is left in ${p.name} (${p.where}). Free some room there, or forget restore points and prune.`,
    example: { name: 'nas', where: '/mnt/nas/vms' },
  },
  denied: {
    status: 502,
    text: (p: { name: string; where: string; reason: string }) =>
      `The storage of ${p.name} refuses access to ${p.where} (${p.reason}). Check permissions, mount and credentials.`,
    example: { name: 'nas', where: '/mnt/nas/vms', reason: 'EACCES' },
  },
  unavailable: {
    status: 503,
    retryable: true,
    text: (p: { name: string; where: string; reason: string }) =>
      `The storage of ${p.name} cannot be reached now (${p.where}: ${p.reason}). Check the network and the mount.`,
    example: { name: 's3', where: 's3:https://s3.example.net/vms', reason: 'connection refused' },
  },
  storage_failed: {
    status: 502,
    text: (p: { name: string; reason: string }) => `The storage of ${p.name} failed: ${p.reason}`,
    example: { name: 'nas', reason: 'The storage failed at /mnt/nas/vms (EIO). Check the disk.' },
  },
  damaged: {
    status: 422,
    text: (p: { name: string; findings: number; first: string }) =>
      `${p.name} is damaged (${p.findings} findings). ${p.first} The log of this task has more.`,
    example: { name: 'nas', findings: 2, first: 'Pack 5956a3f6 is not there.' },
  },
  worker_failed: {
    status: 500,
    retryable: true,
    text: (p: { operation: string; reason: string }) =>
      `The worker process that did "${p.operation}" ended: ${p.reason}. No restore point was lost. Run it again.`,
    example: { operation: 'backup', reason: 'it was killed by SIGKILL' },
  },
  worker_memory: {
    status: 500,
    text: (p: { operation: string; used: number; limit: number }) =>
      `The worker process that did "${p.operation}" used ${formatBytes(p.used)} of memory and was stopped; ${formatBytes(p.limit)} are allowed. Raise the limit of workers, or split the repository.`,
    example: { operation: 'prune', used: 1_700_000_000, limit: 1_610_612_736 },
  },
  cancelled: {
    status: 409,
    text: (p: { operation: string }) => `"${p.operation}" was cancelled. What was finished before is kept.`,
    example: { operation: 'check' },
  },
  no_key: {
    status: 404,
    text: (p: { key: string; name: string }) => `${p.name} has no key ${p.key}. List its keys.`,
    example: { key: '1f00c4a2', name: 'nas' },
  },
  bad_source: {
    status: 502,
    text: (p: { what: string; reason: string }) => `The stream of ${p.what} cannot be used: ${p.reason}`,
    example: { what: 'https://xcp-1.example.net/export_raw_vdi', reason: 'it answered 500.' },
  },
})
export const repositoryErrors = repositoryArea.make
