import { errorArea } from '../errors/area.ts'

/** Errors about saved queries. */
export const savedQueryArea = errorArea('saved_query', {
  not_found: {
    status: 404,
    text: (p: { id: string }) => `There is no saved query ${p.id}.`,
    example: { id: 'k3f9x2ab' },
  },
  exists: {
    status: 409,
    text: (p: { name: string }) => `You have a saved query ${p.name} already.`,
    example: { name: 'My VMs' },
  },
})
export const savedQueryErrors = savedQueryArea.make
