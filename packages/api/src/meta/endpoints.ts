import { z } from 'zod'
import { endpoint } from '../contract/endpoint.ts'
import { flag, text, time, word } from '../schema/fields.ts'

/** What answers here. */
export const About = z
  .strictObject({
    name: z.literal('nixen'),
    version: text('Version of the server.'),
    api: z.literal('v1').meta({ description: 'Version of the API.' }),
    features: z
      .array(z.string())
      .meta({ description: 'What this server can do beside the core: backup, tls-self-signed, …' }),
    setupRequired: flag('No administrator exists yet.'),
  })
  .meta({ id: 'About', description: 'What answers here.' })
export type About = z.infer<typeof About>

/** Whether the server works. */
export const Health = z
  .strictObject({
    status: word(
      ['ok', 'degraded', 'failing'],
      'ok; degraded: part of it does not work; failing: do not send requests.',
    ),
    started: time('When the server started.'),
    checks: z.array(
      z.strictObject({
        name: text('What was checked: database, disk, connections, …'),
        status: word(['ok', 'degraded', 'failing'], 'How it is.'),
        message: text('What is wrong.').optional(),
      }),
    ),
  })
  .meta({ id: 'Health', description: 'Whether the server works.' })
export type Health = z.infer<typeof Health>

export const metaEndpoints = {
  about: endpoint({
    method: 'GET',
    path: '/',
    summary: 'Show what answers here',
    output: About,
    permission: 'public',
    cli: { verb: 'about' },
  }),
  health: endpoint({
    method: 'GET',
    path: '/health',
    summary: 'Show whether the server works',
    description:
      'Answers 200 also when part of it does not work, 503 when it is failing. Who is not logged in sees the status alone.',
    output: Health,
    permission: 'public',
    cli: { verb: 'health' },
  }),
  openapi: endpoint({
    method: 'GET',
    path: '/openapi.json',
    summary: 'Get this API as an OpenAPI 3.1 document',
    output: z.record(z.string(), z.unknown()),
    permission: 'public',
  }),
} as const
