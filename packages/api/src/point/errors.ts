import { errorArea } from '../errors/area.ts'

/** Errors about restore points. */
export const pointArea = errorArea('point', {
  not_found: {
    status: 404,
    text: (p: { id: string }) => `There is no restore point ${p.id}, or you may not see it.`,
    example: { id: 'k3f9x2ab.5956a3f67a62' },
  },
  gone: {
    status: 410,
    text: (p: { id: string; name: string }) =>
      `The restore point ${p.id} of ${p.name} is not in its repository any more: somebody forgot it. The list is brought up to date.`,
    example: { id: 'k3f9x2ab.5956a3f67a62', name: 'web-01' },
  },
  which_disk: {
    status: 422,
    text: (p: { id: string; disks: readonly string[] }) =>
      `Say which disk of the restore point ${p.id}. It has: ${p.disks.join(', ') || 'none'}.`,
    example: { id: 'k3f9x2ab.5956a3f67a62', disks: ['/disk-system.raw', '/disk-data.raw'] },
  },
  not_ours: {
    status: 422,
    text: (p: { id: string; name: string }) =>
      `The restore point ${p.id} of ${p.name} does not say how the VM was set up: something else than Nixen wrote it. Restore its files with restic, or its disks one by one.`,
    example: { id: 'k3f9x2ab.5956a3f67a62', name: 'web-01' },
  },
})
export const pointErrors = pointArea.make
