import { z } from 'zod'
import { TokenId, UserId } from '../ids/own-id.ts'
import { count, flag, text, time } from '../schema/fields.ts'

/** One thing that somebody did or tried. Each entry holds the hash of the one before, so that none can be changed unseen. */
export const AuditEntry = z
  .strictObject({
    seq: count('Number of the entry, without gaps.'),
    time: time('When it happened.'),
    action: text('Audit name of the endpoint: vm.start, session.login, …'),
    ok: flag('It was done, or begun.'),
    code: text('Why it was not: an error code.').optional(),
    user: UserId.optional().meta({ description: 'Who.' }),
    userName: text('Log-in name then.').optional(),
    token: TokenId.optional().meta({ description: 'With which API token.' }),
    address: text('From where.').optional(),
    on: text('Object that it was done to.').optional(),
    onName: text('Name of that object then.').optional(),
    requestId: text('Names the request in the log.'),
    details: z.record(z.string(), z.unknown()).optional().meta({ description: 'The input, without secrets.' }),
    hash: text('SHA-256 of this entry and the hash before, hexadecimal.'),
  })
  .meta({ id: 'AuditEntry', description: 'One thing that somebody did or tried.' })
export type AuditEntry = z.infer<typeof AuditEntry>

/** Whether the chain of the audit log is whole. */
export const AuditVerdict = z
  .strictObject({
    ok: flag('Every hash fits.'),
    entries: count('Entries that were looked at.'),
    brokenAt: count('Number of the first entry that does not fit.').optional(),
    head: text('Hash of the newest entry; keep it elsewhere to notice a cut.').optional(),
  })
  .meta({ id: 'AuditVerdict', description: 'Whether the chain of the audit log is whole.' })
export type AuditVerdict = z.infer<typeof AuditVerdict>
