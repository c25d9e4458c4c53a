import { errorArea } from '../errors/area.ts'

/** Errors about API tokens. */
export const tokenArea = errorArea('token', {
  not_found: { status: 404, text: (p: { id: string }) => `There is no token ${p.id}.`, example: { id: 'k3f9x2ab' } },
  expires_in_past: { status: 422, text: () => 'The token would have expired already.', example: undefined },
})
export const tokenErrors = tokenArea.make
