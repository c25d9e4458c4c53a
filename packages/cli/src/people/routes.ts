import type { RouteMap } from '@stricli/core'
import { commonFlags, lazyCommand } from '../command.ts'
import type { NixenContext } from '../context.ts'
import { commandGroup } from '../group.ts'
import { profileNames } from '../connect/connect.ts'
import { textParser } from '../parse.ts'

const textFlag = (brief: string, placeholder: string) =>
  ({ kind: 'parsed', parse: textParser, brief, placeholder, optional: true }) as const

const accountFlags = {
  username: textFlag('Who logs in; asked for when left out', 'NAME'),
  passwordFile: textFlag(
    'File with the password in its first line, - for standard input; asked for when left out',
    'FILE',
  ),
  fingerprint: textFlag('SHA-256 fingerprint that the certificate must have; then nothing is asked about it', 'SHA256'),
  profile: textFlag('Name to keep it under; the host when left out', 'NAME'),
} as const

/** `nixen login` */
export const loginRoute = lazyCommand(async () => (await import('./login.ts')).login, {
  parameters: {
    flags: {
      ...commonFlags,
      ...accountFlags,
      code: textFlag('One-time code of a second factor; asked for when it is needed', 'CODE'),
    },
    positional: {
      kind: 'tuple',
      parameters: [
        { brief: 'Address of the server: https://nixen.example.net:8443', parse: textParser, placeholder: 'URL' },
      ],
    },
  },
  docs: {
    brief: 'Log in to a server; further commands ask that one',
    fullDescription:
      'Logs in, keeps an API token (and, if no known authority signed the certificate, its fingerprint after asking) in nixen/profiles.json of the configuration directory, which only you can read, and makes it the server that further commands ask.',
  },
})

/** `nixen setup` */
export const setupRoute = lazyCommand(async () => (await import('./setup.ts')).setUp, {
  parameters: {
    flags: {
      ...commonFlags,
      ...accountFlags,
      link: {
        kind: 'parsed',
        parse: textParser,
        brief: 'Set-up link that the server printed when it started',
        placeholder: 'URL',
      },
    },
  },
  docs: { brief: 'Make the first administrator of a new server, and log in' },
})

const profileArgument = {
  kind: 'tuple',
  parameters: [
    {
      brief: 'Name of the profile, or local for the server on this machine',
      parse: textParser,
      placeholder: 'NAME',
      proposeCompletions(this: NixenContext) {
        return profileNames(this.process.env ?? {})
      },
    },
  ],
} as const

/** `nixen logout` */
export const logoutRoute = lazyCommand(async () => (await import('./profile.ts')).logout, {
  parameters: { flags: { ...commonFlags, profile: textFlag('Which profile; the one in use when left out', 'NAME') } },
  docs: { brief: 'Revoke the token of a profile and forget it' },
})

/** `nixen profile` */
export const profileRoutes: RouteMap<NixenContext> = commandGroup(
  {
    list: lazyCommand(async () => (await import('./profile.ts')).listProfiles, {
      parameters: { flags: commonFlags },
      docs: { brief: 'List the servers that you are logged in to' },
    }),
    use: lazyCommand(async () => (await import('./profile.ts')).useProfile, {
      parameters: { flags: commonFlags, positional: profileArgument },
      docs: { brief: 'Choose the server that commands ask' },
    }),
    remove: lazyCommand(async () => (await import('./profile.ts')).removeProfile, {
      parameters: { flags: commonFlags, positional: profileArgument },
      docs: { brief: 'Forget a profile without asking its server; "nixen logout" revokes the token as well' },
    }),
  },
  'Servers that you are logged in to',
)
