import { errorArea } from '../errors/area.ts'

/** Errors about groups. */
export const groupArea = errorArea('group', {
  not_found: { status: 404, text: (p: { id: string }) => `There is no group ${p.id}.`, example: { id: 'k3f9x2ab' } },
  exists: {
    status: 409,
    text: (p: { name: string }) => `There is a group ${p.name} already.`,
    example: { name: 'Web team' },
  },
  not_local: {
    status: 409,
    text: (p: { name: string; source: string }) => `Who is in ${p.name} is kept by ${p.source}. Change it there.`,
    example: { name: 'Web team', source: 'ldap' },
  },
})
export const groupErrors = groupArea.make
