import { z } from 'zod'
import { ChannelId } from '../ids/own-id.ts'
import { count, flag, text, time, word } from '../schema/fields.ts'

const secret = (description: string) =>
  z.string().min(1).max(4096).meta({ description, format: 'password', writeOnly: true })
const mailAddress = z
  .string()
  .max(320)
  .regex(/^(?:[^<>\r\n"]{1,200} <)?[^\s<>@,;"]+@[^\s<>@,;"]+>?$/, {
    error: 'Not an address like ada@example.net or Nixen <nixen@example.net>.',
  })
const httpUrl = z.url({ protocol: /^https?$/ }).max(2048)
const authority = z
  .string()
  .max(65_536)
  .regex(/-----BEGIN CERTIFICATE-----/, { error: 'Not a certificate in PEM form.' })
  .meta({
    description: 'Certificate that signs that of the server, or the one itself, PEM; known authorities when left out.',
  })

/** How a connection to a mail server is kept secret. */
export const mailSecurities = ['tls', 'starttls', 'none'] as const

/** Fields that are not of one kind alone. */
const common = {
  name: text('Name, unique.').min(1).max(200),
  enabled: flag('Messages go out; while it is off they are dropped.').default(true),
  hourly: count('Messages in an hour at the most; more wait.').min(1).max(10_000).default(60),
} as const

const mail = {
  host: text('Name or address of the mail server.').min(1).max(253),
  port: z.int().min(1).max(65_535).optional().meta({
    description: 'Port; 465 for tls, 587 for starttls, 25 for none when left out.',
  }),
  security: word(
    mailSecurities,
    'tls from the first byte, starttls (required), or none: everybody on the way reads it.',
  ),
  username: text('Who logs in there; nobody when left out.').max(320).optional(),
  password: secret('Password of that user.').optional(),
  from: mailAddress.meta({ description: 'Sender.', examples: ['Nixen <nixen@example.net>'] }),
  to: z.array(mailAddress).min(1).max(50).meta({ description: 'Receivers.' }),
  ca: authority.optional(),
} as const
const webhook = {
  url: httpUrl.meta({
    description:
      'Where messages are posted as JSON. Only this address is ever asked: redirects are not followed. It is kept like a password.',
    format: 'password',
    writeOnly: true,
  }),
  secret: secret('Messages are signed with it (HMAC-SHA256).').optional(),
  ca: authority.optional(),
} as const
const ntfy = {
  url: httpUrl
    .refine((value) => /^\/(?:.+\/)?[-_A-Za-z0-9]{1,64}\/?$/.test(URL.parse(value)?.pathname ?? ''), {
      error: 'Not the address of a topic like https://ntfy.sh/my-topic.',
    })
    .meta({
      description: 'Address of the topic: https://ntfy.sh/TOPIC. It is kept like a password.',
      format: 'password',
      writeOnly: true,
    }),
  token: secret('Access token of the server.').optional(),
  priority: z
    .int()
    .min(1)
    .max(5)
    .optional()
    .meta({ description: 'Priority of all messages, 1 to 5; by severity when left out.' }),
  ca: authority.optional(),
} as const

/** Where messages go, as each kind of channel needs it. */
export const channelTargets = {
  email: z.strictObject({ kind: z.literal('email'), ...mail }),
  webhook: z.strictObject({ kind: z.literal('webhook'), ...webhook }),
  ntfy: z.strictObject({ kind: z.literal('ntfy'), ...ntfy }),
} as const
export type ChannelKind = keyof typeof channelTargets
/** Where messages go, with its secrets. */
export type ChannelTarget = { [K in ChannelKind]: z.output<(typeof channelTargets)[K]> }[ChannelKind]

/** A new channel. */
export const NewChannel = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('email'), ...common, ...mail, security: mail.security.default('starttls') }),
    z.strictObject({ kind: z.literal('webhook'), ...common, ...webhook }),
    z.strictObject({ kind: z.literal('ntfy'), ...common, ...ntfy }),
  ])
  .meta({ id: 'NewChannel', description: 'A new channel.' })
export type NewChannel = z.output<typeof NewChannel>

/** What can be changed of a channel; what is left out stays, null takes away what may be absent. */
export const ChannelChange = z
  .strictObject({
    name: common.name.optional(),
    enabled: flag('Messages go out.').optional(),
    hourly: count('Messages in an hour at the most.').min(1).max(10_000).optional(),
    host: mail.host.optional(),
    port: mail.port.unwrap().nullable().optional().meta({ description: 'Port; null for the usual one.' }),
    security: mail.security.optional(),
    username: mail.username.unwrap().nullable().optional().meta({ description: 'Who logs in there; null for nobody.' }),
    password: secret('Password of that user; null takes it away.').nullable().optional(),
    from: mail.from.optional(),
    to: mail.to.optional(),
    url: webhook.url.optional(),
    secret: secret('Messages are signed with it; null for no signature.').nullable().optional(),
    token: secret('Access token of ntfy; null for none.').nullable().optional(),
    priority: ntfy.priority
      .unwrap()
      .nullable()
      .optional()
      .meta({ description: 'Priority (ntfy); null for that of the severity.' }),
    ca: authority
      .nullable()
      .optional()
      .meta({ description: 'Certificate that signs that of the server, PEM; null for known authorities.' }),
  })
  .meta({ id: 'ChannelChange', description: 'What can be changed of a channel.' })
export type ChannelChange = z.output<typeof ChannelChange>

/** A way to reach people: an e-mail server, a webhook, an ntfy topic. */
export const Channel = z
  .strictObject({
    id: ChannelId,
    name: text('Name.'),
    kind: word(['email', 'webhook', 'ntfy'], 'How messages travel.'),
    enabled: flag('Messages go out.'),
    hourly: count('Messages in an hour at the most.'),
    address: text('Where it goes, without what is secret.'),
    host: text('Name or address of the mail server.').optional(),
    port: count('Port of the mail server.').optional(),
    security: word(mailSecurities, 'How the connection to the mail server is kept secret.').optional(),
    username: text('Who logs in at the mail server.').optional(),
    from: text('Sender.').optional(),
    to: z.array(z.string()).optional().meta({ description: 'Receivers.' }),
    priority: count('Priority of all messages (ntfy).').optional(),
    hasSecret: flag('A password, signing secret or token is kept.'),
    waiting: count('Messages that wait to be delivered.'),
    lastSent: time('When a message was delivered last.').optional(),
    lastFailure: z
      .strictObject({ at: time('When.'), message: text('Why.') })
      .optional()
      .meta({ description: 'The last time that a message could not be delivered.' }),
    created: time('When it was made.'),
  })
  .meta({ id: 'Channel', description: 'A way to reach people.' })
export type Channel = z.infer<typeof Channel>

/** What the other side said to a test message. */
export const ChannelTest = z
  .strictObject({
    ok: flag('The message was taken.'),
    answer: text('What the server said, or why it was not reached.'),
    took: z.number().nonnegative().meta({ description: 'How long it took.', unit: 'duration' }),
  })
  .meta({ id: 'ChannelTest', description: 'What the other side said to a test message.' })
export type ChannelTest = z.infer<typeof ChannelTest>

/** One message on its way through one channel. */
export const Delivery = z
  .strictObject({
    id: text('Its id; the same in the message.'),
    subject: text('Subject.'),
    state: word(['waiting', 'sent', 'failed'], 'Whether it is on its way, was taken by the server, or was given up.'),
    created: time('When it was written.'),
    tries: count('How often it was tried.'),
    next: time('When it is tried next.').optional(),
    finished: time('When it was taken or given up.').optional(),
    answer: text('What the server said the last time.').optional(),
  })
  .meta({ id: 'Delivery', description: 'One message on its way through one channel.' })
export type Delivery = z.infer<typeof Delivery>
