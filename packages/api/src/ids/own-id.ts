import type { Brand } from '@nixen/core'
import { z } from 'zod'

/** Names something that Nixen itself keeps: lower-case letters, digits and `-`, at most 32 characters. */
export type OwnId<Kind extends string = string> = Brand<string, `${Kind}-own`>
export type ConnectionId = OwnId<'connection'>
export type UserId = OwnId<'user'>
export type GroupId = OwnId<'group'>
export type TokenId = OwnId<'token'>
export type RoleId = OwnId<'role'>
export type SavedQueryId = OwnId<'saved-query'>
export type RepositoryId = OwnId<'repository'>
export type JobId = OwnId<'job'>
export type RunId = OwnId<'run'>
export type ChannelId = OwnId<'channel'>
export type AlertId = OwnId<'alert'>
export type CloudConfigId = OwnId<'cloud-config'>
export type ExportId = OwnId<'export'>

const shape = /^[a-z0-9][a-z0-9-]{0,31}$/
// No i, l, o, u: an id is read out over the phone without mistakes, and spells no words (Crockford's base 32).
const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'

/** The connection part of the ids of Nixen's own tasks and alarms. No connection can be called so. */
export const ownConnection: ConnectionId = 'nixen' as ConnectionId

/** A new random id of 12 characters (60 bits). */
export function newOwnId<Kind extends string>(): OwnId<Kind> {
  const bytes = crypto.getRandomValues(new Uint8Array(12))
  let id = ''
  for (const byte of bytes) id += alphabet[byte & 31]
  // Twelve characters of the alphabet are an id.
  return id as OwnId<Kind>
}

/** Whether `text` can name a connection. */
export function isConnectionId(text: string): text is ConnectionId {
  return shape.test(text)
}

function ownIdSchema<Kind extends string>(kind: Kind): z.ZodType<OwnId<Kind>, string> {
  const schema = z
    .string()
    .regex(shape, { error: `Not the id of a ${kind}: lower-case letters, digits and "-", at most 32.` })
    .meta({ format: `${kind}-id`, examples: ['k3f9x2ab'] })
  // A string of that form is an id; zod cannot say so.
  return schema as z.ZodType<string, string> as z.ZodType<OwnId<Kind>, string>
}

export const ConnectionId: z.ZodType<ConnectionId, string> = ownIdSchema('connection')
export const UserId: z.ZodType<UserId, string> = ownIdSchema('user')
export const GroupId: z.ZodType<GroupId, string> = ownIdSchema('group')
export const TokenId: z.ZodType<TokenId, string> = ownIdSchema('token')
export const RoleId: z.ZodType<RoleId, string> = ownIdSchema('role')
export const SavedQueryId: z.ZodType<SavedQueryId, string> = ownIdSchema('saved-query')
export const RepositoryId: z.ZodType<RepositoryId, string> = ownIdSchema('repository')
export const JobId: z.ZodType<JobId, string> = ownIdSchema('job')
export const RunId: z.ZodType<RunId, string> = ownIdSchema('run')
export const ChannelId: z.ZodType<ChannelId, string> = ownIdSchema('channel')
export const AlertId: z.ZodType<AlertId, string> = ownIdSchema('alert')
export const ExportId: z.ZodType<ExportId, string> = ownIdSchema('export')
export const CloudConfigId: z.ZodType<CloudConfigId, string> = ownIdSchema('cloud-config')
