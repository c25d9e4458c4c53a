import { formatDuration, parseDuration } from '@nixen/core'
import { isIP } from 'node:net'
import { z } from 'zod'

/** One key of the configuration. */
export interface SettingSpec<S extends z.ZodType = z.ZodType> {
  readonly schema: S
  readonly default: z.output<S>
  readonly doc: string
  /** A change is used after the next start; otherwise at once. */
  readonly restart: boolean
  /** Cannot be kept in the database: it is needed to open or to reach it. */
  readonly outside?: boolean
  /** Its value is not shown: it may hold a password. */
  readonly secret?: boolean
}

const setting = <S extends z.ZodType>(spec: SettingSpec<S>): SettingSpec<S> => spec

/** A length of time: `90s`, `12h`, `30d`; milliseconds. */
const duration = (least: number) =>
  z.union([z.string(), z.number()]).transform((given, context) => {
    const ms = typeof given === 'number' ? given : parseDuration(given)
    if (ms !== undefined && ms >= least) return ms
    context.addIssue(`"${given}" is not a length of time like 12h or 30d, at least ${formatDuration(least)}.`)
    return z.NEVER
  })
const address = z
  .string()
  .refine((text) => isIP(text.replace(/\/\d+$/, '')) > 0, { error: 'Not an address like 10.0.0.1 or 10.0.0.0/24.' })

/** Every key, its form, what it is when nobody sets it, and what it does. `docs/reference/configuration.md` is made from it. */
export const settingSpecs = {
  'server.listen': setting({
    schema: z
      .string()
      .refine((text) => text === 'localhost' || isIP(text) > 0, { error: 'Not an address like 0.0.0.0 or ::1.' }),
    default: '0.0.0.0',
    doc: 'Address to listen on. `::` takes IPv6 and IPv4.',
    restart: true,
    outside: true,
  }),
  'server.port': setting({
    schema: z.coerce.number().int().min(0).max(65_535),
    default: 8443,
    doc: 'Port to listen on; 0 takes a free one.',
    restart: true,
    outside: true,
  }),
  'server.base_path': setting({
    schema: z.string().regex(/^(\/[A-Za-z0-9._~-]+)*\/?$/, { error: 'Not a path like /nixen.' }),
    default: '/',
    doc: 'Path below which Nixen answers, when a proxy gives it one.',
    restart: true,
  }),
  'server.public_url': setting({
    schema: z.string().refine((text) => text === '' || /^https?:$/.test(URL.parse(text)?.protocol ?? ''), {
      error: 'Not an address like https://nixen.example.net.',
    }),
    default: '',
    doc: 'Address that people use, when it is not the one that the server sees: `https://nixen.example.net`. Requests of browsers from elsewhere are refused.',
    restart: true,
  }),
  'server.trusted_proxies': setting({
    schema: z.array(address),
    default: [],
    doc: 'Addresses or networks of proxies whose `X-Forwarded-*` headers are believed.',
    restart: true,
  }),
  'tls.mode': setting({
    schema: z.enum(['self-signed', 'own', 'off']),
    default: 'self-signed',
    doc: '`self-signed` makes and renews a certificate; `own` reads `tls.certificate` and `tls.key`; `off` is plain HTTP, for a proxy on the same machine.',
    restart: true,
    outside: true,
  }),
  'tls.certificate': setting({
    schema: z.string(),
    default: '',
    doc: 'PEM file of the certificate and those that signed it.',
    restart: true,
    outside: true,
  }),
  'tls.key': setting({
    schema: z.string(),
    default: '',
    doc: 'PEM file of the private key.',
    restart: true,
    outside: true,
  }),
  'tls.names': setting({
    schema: z.array(z.string().min(1).max(253)),
    default: [],
    doc: 'More names and addresses for the self-signed certificate, beside those of the machine.',
    restart: true,
  }),
  'database.url': setting({
    schema: z.string().refine((text) => text === '' || /^postgres(ql)?:$/.test(URL.parse(text)?.protocol ?? ''), {
      error: 'Not an address like postgres://nixen:password@db.example.net/nixen.',
    }),
    default: '',
    doc: 'Keeps the state (users, settings, audit log, …) in this PostgreSQL database (13 or newer) in place of SQLite in the state directory: `postgres://user:password@host/database`. `nixen state move` copies what is there already.',
    restart: true,
    outside: true,
    secret: true,
  }),
  'session.idle': setting({
    schema: duration(60_000),
    default: 12 * 3_600_000,
    doc: 'A session ends when it was not used for so long.',
    restart: false,
  }),
  'session.longest': setting({
    schema: duration(60_000),
    default: 30 * 86_400_000,
    doc: 'A session ends so long after the log-in, used or not.',
    restart: false,
  }),
  'exports.socket_folder': setting({
    schema: z.string().refine((text) => text === '' || (text.startsWith('/') && text.length <= 60), {
      error: 'Not an absolute path of at most 60 characters.',
    }),
    default: '',
    doc: 'Folder for the unix sockets of exports, made when it is not there. Without it they are in the state directory, where only the user of Nixen gets. `/run/nixen/exports` with `exports.socket_group` lets a QEMU of another user start VMs from the repository.',
    restart: true,
  }),
  'exports.socket_group': setting({
    schema: z.string().regex(/^[\w.-]*\$?$/, { error: 'Not the name or number of a group.' }),
    default: '',
    doc: 'Group that may open the sockets in `exports.socket_folder`: that of QEMU (`libvirt-qemu` on Debian, `qemu` on Fedora). Nixen has to be root or in it. All its members can read and write every export.',
    restart: true,
  }),
  'transfer.allowed_hosts': setting({
    schema: z.array(
      z
        .string()
        .regex(/^(\*\.)?[A-Za-z0-9.[\]:_-]+$/, { error: 'Not a host like downloads.example.net or *.example.net.' }),
    ),
    default: [],
    doc: 'Hosts from which imports may fetch files by their address: `downloads.example.net`, `10.0.0.5:8080`, `*.example.net`. Redirections must lead to one of them too. Nothing is fetched while it is empty.',
    restart: false,
  }),
  'transfer.cache_limit': setting({
    schema: z.coerce.number().int().min(0),
    default: 100 * 1024 ** 3,
    doc: 'Most bytes that are kept in the state directory for uploads in pieces, and for files that cannot be converted while they come.',
    restart: false,
  }),
  'log.level': setting({
    schema: z.enum(['debug', 'info', 'warn', 'error', 'silent']),
    default: 'info',
    doc: 'Least severity that is logged, as a line of JSON each.',
    restart: false,
  }),
} as const

export type SettingKey = keyof typeof settingSpecs
export type Settings = { readonly [K in SettingKey]: z.output<(typeof settingSpecs)[K]['schema']> }
// `Object.keys` of a constant has its keys.
export const settingKeys = Object.keys(settingSpecs) as readonly SettingKey[]

export function isSettingKey(text: string): text is SettingKey {
  return Object.hasOwn(settingSpecs, text)
}

/** The name of a key in the environment: `server.base_path` is `NIXEN_SERVER_BASE_PATH`. */
export function variableOf(key: SettingKey): string {
  return `NIXEN_${key.replace('.', '_').toUpperCase()}`
}

/** A key as a flag of `nixen serve`, without its value: `--set server.base_path`. */
export function flagOf(key: SettingKey): string {
  return `--set ${key}`
}
