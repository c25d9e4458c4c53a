import { errorArea } from '../errors/area.ts'

/** Errors about replicas. */
export const replicaArea = errorArea('replica', {
  not_found: {
    status: 404,
    text: (p: { id: string }) => `There is no replica ${p.id}, or you may not see it.`,
    example: { id: 'vm.k3f9x2ab.6f1c2b1e' },
  },
  diverged: {
    status: 409,
    text: (p: { name: string; reason: string }) =>
      `The replica ${p.name} may hold something that its source has not. ${p.reason} Bring it back with "nixen replica failback", give it up with "nixen replica resume", or keep it as a VM of its own with "nixen replica promote".`,
    example: { name: 'web-01 (replica)', reason: 'It was started on 2026-11-21T02:00Z.' },
  },
  source_runs: {
    status: 409,
    text: (p: { name: string; source: string }) =>
      `${p.source} runs, and ${p.name} is the same machine with the same addresses: shut it down first, or start the replica with --force.`,
    example: { name: 'web-01 (replica)', source: 'web-01' },
  },
  not_possible: {
    status: 422,
    text: (p: { name: string; reason: string }) => `${p.name} cannot be replicated so: ${p.reason}`,
    example: { name: 'web-01', reason: 'hosts of this kind keep no replicas.' },
  },
})
export const replicaErrors = replicaArea.make
