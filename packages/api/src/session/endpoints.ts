import { z } from 'zod'
import { endpoint } from '../contract/endpoint.ts'
import { text } from '../schema/fields.ts'
import { Password, UserName } from '../user/user.ts'
import { Me, Session, TotpOffer } from './session.ts'

const code = z
  .string()
  .regex(/^([0-9]{6}|[0-9a-z-]{8,32})$/, { error: 'Six digits, or a recovery code.' })
  .meta({
    description: 'One-time code of six digits, or a recovery code.',
  })
const sixDigits = z
  .string()
  .regex(/^[0-9]{6}$/, { error: 'Six digits.' })
  .meta({ description: 'One-time code of six digits.' })

export const sessionEndpoints = {
  setUp: endpoint({
    method: 'POST',
    path: '/setup',
    summary: 'Make the first administrator, with the token of the set-up link',
    input: z.strictObject({
      token: text('From the set-up link, what is after #.').max(200),
      name: UserName,
      password: Password,
    }),
    output: Me,
    permission: 'public',
    audit: 'session.setup',
    errors: ['auth.setup_done', 'auth.setup_token', 'auth.weak_password'],
  }),
  logIn: endpoint({
    method: 'POST',
    path: '/session',
    summary: 'Log in',
    description:
      'Answers with a cookie. A user with a second factor gets `auth.code_required` until the code is sent as well.',
    input: z.strictObject({ name: text('Log-in name.').max(200), password: Password, code: code.optional() }),
    output: Me,
    permission: 'public',
    audit: 'session.login',
    errors: ['auth.wrong_credentials', 'auth.code_required', 'auth.too_many_attempts', 'auth.setup_required'],
  }),
  me: endpoint({
    method: 'GET',
    path: '/session',
    summary: 'Show who you are and what you may do',
    output: Me,
    permission: 'session',
    cli: { verb: 'whoami' },
  }),
  logOut: endpoint({
    method: 'DELETE',
    path: '/session',
    summary: 'Log out',
    permission: 'session',
    audit: 'session.logout',
  }),
  list: endpoint({
    method: 'GET',
    path: '/session/all',
    summary: 'List your sessions',
    output: z.strictObject({ items: z.array(Session) }),
    permission: 'session',
  }),
  end: endpoint({
    method: 'DELETE',
    path: '/session/all/:id',
    summary: 'End one of your sessions',
    params: z.strictObject({ id: text('The session.') }),
    permission: 'session',
    audit: 'session.end',
    errors: ['session.not_found'],
  }),
  changePassword: endpoint({
    method: 'PUT',
    path: '/session/password',
    summary: 'Change your password; ends your other sessions',
    input: z.strictObject({ current: Password, password: Password }),
    permission: 'session',
    audit: 'session.password',
    errors: ['auth.wrong_credentials', 'auth.weak_password', 'auth.too_many_attempts', 'user.not_local'],
  }),
  offerTotp: endpoint({
    method: 'POST',
    path: '/session/totp',
    summary: 'Begin to set up a second factor',
    output: TotpOffer,
    permission: 'session',
    audit: 'session.totp-offer',
    errors: ['session.totp_exists'],
  }),
  confirmTotp: endpoint({
    method: 'PUT',
    path: '/session/totp',
    summary: 'Finish to set up a second factor',
    input: z.strictObject({ code: sixDigits }),
    output: z.strictObject({
      recoveryCodes: z
        .array(z.string())
        .meta({ description: 'Each works once instead of a code. They are shown here only.' }),
    }),
    permission: 'session',
    audit: 'session.totp-on',
    errors: ['session.totp_exists', 'session.totp_not_offered', 'session.totp_wrong'],
  }),
  removeTotp: endpoint({
    method: 'POST',
    path: '/session/totp/remove',
    summary: 'Take your second factor away',
    input: z.strictObject({ password: Password, code }),
    permission: 'session',
    audit: 'session.totp-off',
    errors: ['auth.wrong_credentials', 'auth.too_many_attempts'],
  }),
} as const
