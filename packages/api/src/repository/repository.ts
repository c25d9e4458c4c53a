import { z } from 'zod'
import { RepositoryId } from '../ids/own-id.ts'
import { bytes, count, flag, fraction, text, time, word } from '../schema/fields.ts'
import { Failure } from '../task/task.ts'

/** How a repository stands: not looked at yet; usable; the storage does not answer or refuses; something needs somebody. */
export const repositoryStates = ['unknown', 'ready', 'unavailable', 'failed'] as const
export const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const

const clockTime = (description: string) =>
  z
    .string()
    .regex(/^([01]\d|2[0-3]):[0-5]\d$/, { error: 'Not a time of day like 02:30.' })
    .meta({ description })

const window = z
  .strictObject({
    days: z
      .array(z.enum(weekdays))
      .min(1)
      .optional()
      .meta({ description: 'Days on which it begins; all when left out.' }),
    from: clockTime('When it opens.'),
    to: clockTime('When it closes; on the next day when that is not later.'),
    timeZone: text('Time zone of the IANA database; UTC when left out.').max(100).optional(),
  })
  .optional()
  .meta({ description: 'Only then does it begin; at any time when left out.' })
const maintenance = {
  window,
  checkEvery: count('Days between two checks; 0 never.').max(3650),
  checkShare: fraction('Part of the data that each check reads; all of it is looked at for presence.'),
  pruneEvery: count('Days between two prunes; 0 never.').max(3650),
  maxUnused: fraction('Part of the repository that may stay unused.'),
} as const

/** When a repository is checked and pruned, and how thoroughly. */
export const Maintenance = z
  .strictObject(maintenance)
  .meta({ id: 'Maintenance', description: 'When a repository is checked and pruned.' })
export type Maintenance = z.infer<typeof Maintenance>

/** The same as it is given: what is left out is as usual. */
export const MaintenanceChange = z
  .strictObject({
    window,
    checkEvery: maintenance.checkEvery.default(7),
    checkShare: maintenance.checkShare.default(0.05),
    pruneEvery: maintenance.pruneEvery.default(7),
    maxUnused: maintenance.maxUnused.default(0.05),
  })
  .meta({ id: 'MaintenanceChange', description: 'When a repository shall be checked and pruned.' })

/** How much of a repository is used by what. */
export const RepositoryUsage = z
  .strictObject({
    at: time('When this was counted.'),
    stored: bytes('Room that it takes, in bytes.'),
    unused: bytes('Room that no restore point needs; a prune frees most of it.'),
    restorable: bytes('Size of all restore points when they are restored.'),
    deduplication: z.number().meta({ description: 'How often a stored byte is used, on the average.' }),
    compression: z.number().meta({ description: 'Bytes before compression for one stored.' }),
  })
  .meta({ id: 'RepositoryUsage', description: 'How much of a repository is used by what.' })
export type RepositoryUsage = z.infer<typeof RepositoryUsage>

/** What the store does against those who want to change or remove backups. */
export const Immutability = z
  .strictObject({
    mode: word(
      ['none', 'object-lock', 'append-only'],
      'none: files can be removed by who has the credentials; object-lock: the store keeps them for so many days; append-only: the store removes nothing for these credentials, so prune runs elsewhere.',
    ),
    days: count('How long each file is kept, in days.').optional(),
    hold: word(
      ['governance', 'compliance'],
      'governance: special rights can lift it; compliance: nobody can.',
    ).optional(),
  })
  .meta({ id: 'Immutability', description: 'What the store does against changes.' })
export type Immutability = z.infer<typeof Immutability>

/** Where backups live. */
export const Repository = z
  .strictObject({
    id: RepositoryId,
    name: text('Name that people gave.'),
    location: text('Where it is: a directory, or s3://bucket/prefix?endpoint=…'),
    type: word(['local', 's3'], 'Kind of storage; NFS and SMB are directories that the system has mounted.'),
    state: word(repositoryStates, 'How it stands.'),
    since: time('Since when it is in this state.'),
    error: Failure.optional().meta({ description: 'Why it cannot be used.' }),
    uuid: text("The repository's own id, as restic shows it.").optional(),
    format: count('Version of the format.').optional(),
    points: count('Restore points in it.'),
    vms: count('Different VMs in it.'),
    newest: time('When the newest restore point was taken.').optional(),
    damaged: count('Restore points whose file cannot be read.').optional(),
    seen: time('When its restore points were listed last.').optional(),
    usage: RepositoryUsage.optional().meta({ description: 'As it was counted last.' }),
    lastCheck: z
      .strictObject({
        at: time('When it ended.'),
        ok: flag('Nothing is damaged.'),
        findings: count('What was found.'),
        readBytes: bytes('Bytes of data that were read and verified.'),
        first: text('The first thing that was found.').optional(),
      })
      .optional()
      .meta({ description: 'The last check.' }),
    lastPrune: z
      .strictObject({ at: time('When it ended.'), freed: bytes('Bytes that became free.') })
      .optional()
      .meta({ description: 'The last prune.' }),
    maintenance: Maintenance,
    immutability: Immutability,
    upload: bytes('Bytes per second that are written at the most.').optional(),
    download: bytes('Bytes per second that are read at the most.').optional(),
    busy: z.array(z.string()).optional().meta({ description: 'What is being done in it now.' }),
    created: time('When Nixen got to know it.'),
  })
  .meta({ id: 'Repository', description: 'Where backups live.' })
export type Repository = z.infer<typeof Repository>
