import { z } from 'zod'
import { flag, text, time, word } from '../schema/fields.ts'
import { Failure } from '../task/task.ts'

const secret = (description: string) =>
  z.string().min(1).max(65_536).meta({ description, format: 'password', writeOnly: true })

/** SHA-256 of a certificate or host key: 32 bytes in hexadecimal with colons, upper case. */
export const Fingerprint: z.ZodType<string, string> = z
  .string()
  .transform((value) => value.trim().toUpperCase())
  .pipe(
    z
      .string()
      .regex(/^[0-9A-F]{2}(:[0-9A-F]{2}){31}$/, { error: 'Not a SHA-256 fingerprint like 3A:91:… (32 bytes).' }),
  )
  .meta({ description: 'SHA-256 fingerprint that the certificate or host key must have, hexadecimal with colons.' })

const common = {
  name: text('Name for people; that of the pool when left out.').max(200).optional(),
  enabled: flag('Connect now and keep connected.').default(true),
  readOnly: flag('Refuse every action on it.').default(false),
  fingerprint: Fingerprint.optional(),
} as const

/** An XCP-ng or XenServer pool. */
export const XapiTarget = z
  .strictObject({
    kind: z.literal('xapi'),
    address: z.url({ protocol: /^https?$/ }).meta({
      description: 'Any member of the pool: https://HOST[:PORT]; http only for a test pool on this machine.',
      examples: ['https://xcp-1.example.net'],
    }),
    username: text('Who logs in.').min(1).default('root'),
    password: secret('Password of that user.').optional(),
    ...common,
  })
  .meta({ id: 'XapiTarget', description: 'An XCP-ng or XenServer pool.' })

/** A libvirt daemon. */
export const LibvirtTarget = z
  .strictObject({
    kind: z.literal('libvirt'),
    address: z
      .string()
      .regex(/^(qemu|xen|test)(\+(unix|tcp|tls|ssh))?:\/\//, {
        error: 'Not a libvirt URI like qemu+tls://host/system.',
      })
      .meta({ description: 'URI of the daemon.', examples: ['qemu:///system', 'qemu+ssh://root@kvm-1/system'] }),
    username: text('Who logs in, for SASL or ssh.').optional(),
    password: secret('Password for SASL.').optional(),
    key: secret('Private key for ssh or TLS, PEM or OpenSSH.').optional(),
    certificate: text('Client certificate for TLS, PEM.').optional(),
    ...common,
  })
  .meta({ id: 'LibvirtTarget', description: 'A libvirt daemon.' })

/** A Proxmox VE cluster. */
export const ProxmoxTarget = z
  .strictObject({
    kind: z.literal('proxmox'),
    address: z.url({ protocol: /^https$/ }).meta({
      description: 'Any node of the cluster: https://HOST[:8006].',
      examples: ['https://pve-1.example.net:8006'],
    }),
    username: text('USER@REALM.').default('root@pam'),
    password: secret('Password of that user.').optional(),
    token: secret('API token, NAME=SECRET, instead of a password.').optional(),
    ...common,
  })
  .meta({ id: 'ProxmoxTarget', description: 'A Proxmox VE cluster.' })

/** What it takes to connect, for each provider. */
export const connectionTargets = { xapi: XapiTarget, libvirt: LibvirtTarget, proxmox: ProxmoxTarget } as const
/** What it takes to connect. */
export type ConnectionTarget =
  | z.output<typeof XapiTarget>
  | z.output<typeof LibvirtTarget>
  | z.output<typeof ProxmoxTarget>

/** What can be changed of a connection. */
export const connectionUpdates = z
  .strictObject({
    name: text('Name for people.').min(1).max(200).optional(),
    address: text('Where it is; must be the same pool.').optional(),
    username: text('Who logs in.').optional(),
    password: secret('Password of that user.').optional(),
    key: secret('Private key for ssh or TLS (libvirt).').optional(),
    certificate: text('Client certificate for TLS (libvirt), PEM.').optional(),
    token: secret('API token (Proxmox).').optional(),
    fingerprint: Fingerprint.nullable()
      .optional()
      .meta({ description: 'A new fingerprint to pin; null to trust known authorities only.' }),
    enabled: flag('Keep it connected.').optional(),
    readOnly: flag('Refuse every action on it.').optional(),
  })
  .meta({ id: 'ConnectionUpdate', description: 'What can be changed of a connection.' })
export type ConnectionUpdate = z.output<typeof connectionUpdates>

/** What was found at an address. */
export const ConnectionProbe = z
  .strictObject({
    reachable: flag('Something answered.'),
    certificate: z
      .strictObject({
        fingerprint: text('SHA-256, hexadecimal with colons.'),
        subject: text('Whom it names.').optional(),
        issuer: text('Who signed it.').optional(),
        validFrom: time('From when it is valid.').optional(),
        validTo: time('Until when it is valid.').optional(),
        trusted: flag('A known authority signed it for this address.'),
        pinned: flag('It has the fingerprint that was given.'),
      })
      .optional()
      .meta({ description: 'The certificate or host key that it shows.' }),
    loggedIn: flag('The credentials were accepted; absent when none were given.').optional(),
    product: text('Product and version.').optional(),
    pool: text('Name of the pool.').optional(),
    error: Failure.optional().meta({ description: 'Why it cannot be connected as it is.' }),
  })
  .meta({ id: 'ConnectionProbe', description: 'What was found at an address.' })
export type ConnectionProbe = z.infer<typeof ConnectionProbe>

/** A host on the machine that the server runs on. */
export const NearbyHost = z
  .strictObject({
    kind: word(['libvirt'], 'What it is.'),
    address: text('What to connect: qemu:///system.'),
    socket: text('Where it listens.'),
    usable: flag('The user that the server runs as may open its socket.'),
    connected: flag('There is a connection to this address already.'),
  })
  .meta({ id: 'NearbyHost', description: 'A host on the machine that the server runs on, ready to be connected.' })
export type NearbyHost = z.infer<typeof NearbyHost>
