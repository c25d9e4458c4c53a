import { errorArea } from '../errors/area.ts'

/** Errors about users. */
export const userArea = errorArea('user', {
  not_found: { status: 404, text: (p: { id: string }) => `There is no user ${p.id}.`, example: { id: 'k3f9x2ab' } },
  exists: {
    status: 409,
    text: (p: { name: string }) => `There is a user ${p.name} already.`,
    example: { name: 'ada' },
  },
  last_admin: {
    status: 409,
    text: () => 'This is the last user who may do everything. Make another administrator first.',
    example: undefined,
  },
  not_local: {
    status: 409,
    text: (p: { name: string; source: string }) => `The password of ${p.name} is kept by ${p.source}. Change it there.`,
    example: { name: 'ada', source: 'ldap' },
  },
})
export const userErrors = userArea.make
