import { errorArea } from './area.ts'

/** A part of a request that is not as it must be. */
export interface RequestProblem {
  /** Where: `input.name`, `params.id`, `query.limit`. */
  readonly path: string
  readonly message: string
}

/** Errors that any endpoint may answer with. */
export const requestArea = errorArea('request', {
  invalid: {
    status: 400,
    text: (p: { problems: readonly RequestProblem[] }) =>
      `The request is not understood: ${p.problems.map(({ path, message }) => `${path}: ${message}`).join('; ')}`,
    example: { problems: [{ path: 'input.nmae', message: 'There is no such field. Did you mean "name"?' }] },
  },
  bad_json: {
    status: 400,
    text: (p: { reason: string }) => `The body of the request is not JSON (${p.reason}).`,
    example: { reason: 'Unexpected token } at position 17' },
  },
  not_a_file: {
    status: 415,
    text: () => 'Send the file itself as the body, with content-type application/octet-stream.',
    example: undefined,
  },
  too_large: {
    status: 413,
    text: (p: { limit: number }) => `The body of the request is larger than ${p.limit} bytes.`,
    example: { limit: 1_048_576 },
  },
  no_endpoint: {
    status: 404,
    text: (p: { method: string; path: string }) =>
      `There is no ${p.method} ${p.path}. GET /api/v1 lists what there is.`,
    example: { method: 'GET', path: '/api/v1/vm' },
  },
  wrong_method: {
    status: 405,
    text: (p: { method: string; path: string; allowed: readonly string[] }) =>
      `${p.path} does not take ${p.method}, only ${p.allowed.join(', ')}.`,
    example: { method: 'PUT', path: '/api/v1/vms', allowed: ['GET'] },
  },
  not_allowed: {
    status: 409,
    text: (p: { action: string; id: string; name: string; reason: string }) =>
      `${p.action} is not possible on ${p.name}: ${p.reason}`,
    example: {
      action: 'start',
      id: 'vm.k3f9x2ab.1',
      name: 'web-01',
      reason: 'Only a halted or suspended VM can start.',
    },
  },
  conflict: {
    status: 409,
    text: (p: { what: string }) => `${p.what} was changed by somebody else meanwhile. Read it again, then repeat.`,
    example: { what: 'The role "operators"' },
  },
  rate_limited: {
    status: 429,
    retryable: true,
    text: (p: { seconds: number }) => `Too many requests. Try again in ${p.seconds} s.`,
    example: { seconds: 30 },
  },
  internal: {
    status: 500,
    text: (p: { requestId: string }) =>
      `Something in Nixen failed that should not. Look for request ${p.requestId} in its log, and report it please.`,
    example: { requestId: 'b7m2x9q4k1zd' },
  },
  unavailable: {
    status: 503,
    retryable: true,
    text: () => 'Nixen is starting or stopping. Try again in a moment.',
    example: undefined,
  },
  cancelled: { status: 499, text: () => 'The client went away before the answer.', example: undefined },
})
export const requestErrors = requestArea.make
