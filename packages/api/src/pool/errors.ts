import { errorArea } from '../errors/area.ts'

/** Errors about pools. */
export const poolArea = errorArea('pool', {
  not_found: {
    status: 404,
    text: (p: { id: string }) => `There is no pool ${p.id}, or you may not see it.`,
    example: { id: 'pool.k3f9x2ab.6f1c2b1e-0d5f-4d0c-9a5b-1c9f6c8b3e7a' },
  },
  busy: {
    status: 409,
    retryable: true,
    text: (p: { id: string; action: string }) => `The pool ${p.id} is busy: ${p.action}.`,
    example: { id: 'pool.k3f9x2ab.1', action: 'rolling update' },
  },
})
export const poolErrors = poolArea.make
