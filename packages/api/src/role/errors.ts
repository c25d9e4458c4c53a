import { errorArea } from '../errors/area.ts'

/** Errors about roles. */
export const roleArea = errorArea('role', {
  not_found: { status: 404, text: (p: { id: string }) => `There is no role ${p.id}.`, example: { id: 'night-shift' } },
  exists: {
    status: 409,
    text: (p: { name: string }) => `There is a role ${p.name} already.`,
    example: { name: 'Night shift' },
  },
  builtin: {
    status: 409,
    text: (p: { id: string }) => `The role ${p.id} came with Nixen and stays as it is. Make a new one with its grants.`,
    example: { id: 'operator' },
  },
  in_use: {
    status: 409,
    text: (p: { id: string; users: number; groups: number }) =>
      `The role ${p.id} is given to ${p.users} users and ${p.groups} groups. Take it from them first.`,
    example: { id: 'night-shift', users: 2, groups: 1 },
  },
  unknown_action: {
    status: 422,
    text: (p: { pattern: string; suggestion?: string | undefined }) =>
      `No permission matches "${p.pattern}".${p.suggestion === undefined ? '' : ` Did you mean "${p.suggestion}"?`}`,
    example: { pattern: 'vm:strat', suggestion: 'vm:start' },
  },
  bad_scope: {
    status: 422,
    text: (p: { scope: string; offset: number; length: number; message: string; suggestion?: string | undefined }) =>
      `The scope is wrong at character ${p.offset + 1}: ${p.message}`,
    example: { scope: 'tga:prod', offset: 0, length: 3, message: 'There is no field "tga".', suggestion: 'tag' },
  },
})
export const roleErrors = roleArea.make
