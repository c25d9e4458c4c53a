import { errorArea } from '../errors/area.ts'

/** Errors about disks of restore points that are given away. */
export const exportArea = errorArea('export', {
  not_found: {
    status: 404,
    text: (p: { id: string }) => `There is no export ${p.id}, or you may not see it.`,
    example: { id: 'k3f9x2ab' },
  },
  not_possible: {
    status: 422,
    text: (p: { name: string; reason: string }) => `${p.name} cannot run from its restore point there: ${p.reason}`,
    example: { name: 'web-01', reason: 'hosts of XAPI attach disks of their storage drivers only.' },
  },
  in_use: {
    status: 409,
    text: (p: { id: string; vm: string }) =>
      `${p.vm} runs from the export ${p.id}. Move its disks to a storage with "nixen export move", or delete the VM first.`,
    example: { id: 'k3f9x2ab', vm: 'web-01' },
  },
  no_vm: {
    status: 409,
    text: (p: { id: string }) => `No VM runs from the export ${p.id}, so there is nothing to move.`,
    example: { id: 'k3f9x2ab' },
  },
  failed: {
    status: 502,
    text: (p: { point: string; reason: string }) => `The disks of ${p.point} could not be given away: ${p.reason}`,
    example: { point: 'k3f9x2ab.5956a3f67a62', reason: 'port 10809 is in use.' },
  },
  path_too_long: {
    status: 422,
    text: (p: { path: string }) =>
      `A socket at ${p.path} would have too long a path for the system. Start Nixen with a shorter --state, or use tls.`,
    example: { path: '/var/lib/…/socket' },
  },
})
export const exportErrors = exportArea.make
