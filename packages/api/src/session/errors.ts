import { errorArea } from '../errors/area.ts'

/** Errors about sessions and second factors. */
export const sessionArea = errorArea('session', {
  not_found: { status: 404, text: (p: { id: string }) => `There is no session ${p.id}.`, example: { id: 'k3f9x2ab' } },
  totp_exists: { status: 409, text: () => 'You have a second factor already. Take it away first.', example: undefined },
  totp_not_offered: {
    status: 409,
    text: () => 'Ask for a second factor first, then confirm it with a code.',
    example: undefined,
  },
  totp_wrong: {
    status: 422,
    text: () => 'The one-time code is wrong. Check the clock of the device.',
    example: undefined,
  },
})
export const sessionErrors = sessionArea.make
