import { errorArea } from '../errors/area.ts'

/** Errors about networks. */
export const networkArea = errorArea('network', {
  not_found: {
    status: 404,
    text: (p: { id: string }) => `There is no network ${p.id}, or you may not see it.`,
    example: { id: 'network.k3f9x2ab.6f1c2b1e-0d5f-4d0c-9a5b-1c9f6c8b3e7a' },
  },
})
export const networkErrors = networkArea.make
