import { errorArea } from '../errors/area.ts'

/** Errors about disks of a provider. */
export const diskArea = errorArea('disk', {
  not_found: {
    status: 404,
    text: (p: { id: string }) => `There is no disk ${p.id}, or you may not see it.`,
    example: { id: 'disk.k3f9x2ab.6f1c2b1e-0d5f-4d0c-9a5b-1c9f6c8b3e7a' },
  },
  in_use: {
    status: 409,
    text: (p: { id: string; name?: string; by?: string }) =>
      `The disk ${p.name ?? p.id} is in use${p.by === undefined ? '' : ` by ${p.by}`}.`,
    example: { id: 'disk.k3f9x2ab.1', by: 'vm.k3f9x2ab.1' },
  },
  read_only: {
    status: 409,
    text: (p: { id: string; name?: string }) => `The disk ${p.name ?? p.id} cannot be written to.`,
    example: { id: 'disk.k3f9x2ab.1' },
  },
})
export const diskErrors = diskArea.make
