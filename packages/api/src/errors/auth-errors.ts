import { errorArea } from './area.ts'

/** Errors of who is asking, and what they may do. */
export const authArea = errorArea('auth', {
  required: { status: 401, text: () => 'Log in first, or send an API token.', example: undefined },
  expired: { status: 401, text: () => 'The session or token has expired. Log in again.', example: undefined },
  wrong_credentials: {
    status: 401,
    text: () => 'The user name, the password or the one-time code is wrong.',
    example: undefined,
  },
  code_required: {
    status: 401,
    text: () => 'This user has a second factor. Send the one-time code as well.',
    example: undefined,
  },
  forbidden: {
    status: 403,
    text: (p: { permission: string; id?: string }) =>
      `You do not have the permission ${p.permission}${p.id === undefined ? '' : ` on ${p.id}`}. Ask an administrator for a role that has it.`,
    example: { permission: 'vm:start', id: 'vm.k3f9x2ab.1' },
  },
  no_account: {
    status: 403,
    text: () =>
      'This is about an account of your own, and the administrator of this machine has none. Log in as a user first (nixen login).',
    example: undefined,
  },
  bad_origin: {
    status: 403,
    text: (p: { origin: string }) =>
      `The request comes from ${p.origin}, which is not this server. Set the public address if Nixen is behind a proxy.`,
    example: { origin: 'https://elsewhere.example.net' },
  },
  too_many_attempts: {
    status: 429,
    retryable: true,
    text: (p: { seconds: number }) => `Too many failed log-ins. Try again in ${p.seconds} s.`,
    example: { seconds: 60 },
  },
  setup_done: { status: 409, text: () => 'The set-up was done already. Log in.', example: undefined },
  setup_required: {
    status: 409,
    text: () => 'No administrator exists yet. Open the set-up link that the server printed when it started.',
    example: undefined,
  },
  setup_token: {
    status: 401,
    text: () => 'The set-up link is not valid any more. The server prints a new one when it starts.',
    example: undefined,
  },
  weak_password: {
    status: 422,
    text: (p: { reason: string }) => `The password is too weak: ${p.reason}`,
    example: { reason: 'it needs at least 12 characters.' },
  },
})
export const authErrors = authArea.make
