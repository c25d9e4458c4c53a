import { area } from './area.ts'

/** How people get in. */
export const sessionText = area('session', {
  signInTo: 'Sign in to Nixen',
  signIn: 'Sign in',
  signingIn: 'Signing in …',
  name: 'Name',
  password: 'Password',
  code: 'One-time code',
  codeHelp: 'Six digits from your authenticator, or a recovery code.',
  ended: 'Your session has ended',
  endedHelp: 'Sign in again: what is on the screen, and what you have typed, stays.',
  unreachable: 'Nixen does not answer',
  triedAgain: 'It is tried again every 5 seconds.',
  tryNow: 'Try now',
  welcome: 'Welcome to Nixen',
  welcomeHelp: 'Nobody can sign in yet. Make the first administrator; more people, or your directory, can come later.',
  token: 'Token of the set-up link',
  tokenHelp: 'The server printed a link when it started. Open it, or paste here what stands behind its #.',
  passwordHelp: 'At least 12 characters; a few words are good.',
  again: 'Password again',
  differ: 'The two passwords differ.',
  differTwice: 'The two passwords differ. Type the same one twice.',
  makeAdmin: 'Make the administrator',
  makingAdmin: 'Making the administrator …',
})
