import { formatBytes } from '@nixen/core'
import { errorArea } from '../errors/area.ts'

/** Errors about storages. */
export const storageArea = errorArea('storage', {
  not_found: {
    status: 404,
    text: (p: { id: string }) => `There is no storage ${p.id}, or you may not see it.`,
    example: { id: 'storage.k3f9x2ab.6f1c2b1e-0d5f-4d0c-9a5b-1c9f6c8b3e7a' },
  },
  full: {
    status: 409,
    text: (p: { id: string; name?: string; needed?: number }) =>
      `The storage ${p.name ?? p.id} is full${p.needed === undefined ? '' : `: ${formatBytes(p.needed)} more are needed`}.`,
    example: { id: 'storage.k3f9x2ab.1', needed: 10_737_418_240 },
  },
  detached: {
    status: 409,
    text: (p: { id: string; name?: string; host?: string }) =>
      `The storage ${p.name ?? p.id} is not attached to ${p.host === undefined ? 'any host' : `the host ${p.host}`}.`,
    example: { id: 'storage.k3f9x2ab.1' },
  },
  failed: {
    status: 502,
    text: (p: { id: string; name?: string; reason: string }) => `The storage ${p.name ?? p.id} failed: ${p.reason}`,
    example: { id: 'storage.k3f9x2ab.1', reason: 'the NFS server does not answer.' },
  },
})
export const storageErrors = storageArea.make
