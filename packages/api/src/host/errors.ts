import { formatBytes } from '@nixen/core'
import { errorArea } from '../errors/area.ts'

/** Errors about hosts. */
export const hostArea = errorArea('host', {
  not_found: {
    status: 404,
    text: (p: { id: string }) => `There is no host ${p.id}, or you may not see it.`,
    example: { id: 'host.k3f9x2ab.6f1c2b1e-0d5f-4d0c-9a5b-1c9f6c8b3e7a' },
  },
  unreachable: {
    status: 502,
    retryable: true,
    text: (p: { id: string; name?: string }) => `The host ${p.name ?? p.id} does not answer its pool.`,
    example: { id: 'host.k3f9x2ab.1' },
  },
  disabled: {
    status: 409,
    text: (p: { id: string; name?: string }) => `The host ${p.name ?? p.id} is in maintenance and takes no VMs.`,
    example: { id: 'host.k3f9x2ab.1' },
  },
  out_of_memory: {
    status: 409,
    text: (p: { id?: string; needed: number; free: number }) =>
      `${p.id === undefined ? 'No host' : `The host ${p.id}`} has the ${formatBytes(p.needed)} of memory that are needed; ${formatBytes(p.free)} are free.`,
    example: { needed: 8_589_934_592, free: 2_147_483_648 },
  },
  none_suitable: {
    status: 409,
    text: (p: { reasons: readonly string[] }) => `No host can run the VM: ${p.reasons.join('; ')}.`,
    example: { reasons: ['host-1: not enough memory', 'host-2: in maintenance'] },
  },
})
export const hostErrors = hostArea.make
