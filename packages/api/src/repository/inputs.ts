import { z } from 'zod'
import { bytes, count, flag, text, word } from '../schema/fields.ts'
import { MaintenanceChange } from './repository.ts'

const secret = (description: string) =>
  z.string().min(1).max(4096).meta({ description, format: 'password', writeOnly: true })

const location = text('A directory (also of an NFS or SMB mount), or s3://bucket/prefix?endpoint=https://host.')
  .min(1)
  .max(2048)
  .meta({ examples: ['/mnt/nas/vms', 's3://backups/vms?endpoint=https://s3.example.net'] })
const credentials = {
  accessKeyId: text('For S3: the id of the access key.').max(256).optional(),
  secretAccessKey: secret('For S3: the secret of the access key.').optional(),
} as const
// What is said of a schema is lost by each check that is added to it.
const rate = (description: string) => z.int().positive().meta({ description, unit: 'bytes' }).optional()
const rates = {
  upload: rate('Bytes per second that are written at the most, by all that is done there together.'),
  download: rate('Bytes per second that are read at the most, by all that is done there together.'),
} as const

/** A repository that is made, or one that is there. */
export const NewRepository = z.strictObject({
  name: text('Name for people.').min(1).max(100),
  location,
  mode: word(['new', 'existing'], 'new: makes an empty repository; existing: opens one, also of restic.').default(
    'new',
  ),
  password: secret('Password of the repository. Without it nothing can ever be restored: print the recovery sheet.'),
  ...credentials,
  ...rates,
  maintenance: MaintenanceChange.optional(),
})

/** What can be changed. */
export const RepositoryChange = z.strictObject({
  name: text('Name for people.').min(1).max(100).optional(),
  location: location.optional(),
  password: secret(
    'Another password that opens it. To change the password of the repository itself see "repository set-password".',
  ).optional(),
  ...credentials,
  upload: rate('Bytes per second that are written at the most; null for no limit.').nullable(),
  download: rate('Bytes per second that are read at the most; null for no limit.').nullable(),
  maintenance: MaintenanceChange.optional(),
})

/** A place to try. */
export const RepositoryTrial = z.strictObject({
  location,
  password: secret('Password, to see whether it opens the repository that is there.').optional(),
  ...credentials,
})

/** What was found where a repository is, or shall be. */
export const RepositoryProbe = z
  .strictObject({
    location: text('Where it is, without credentials.'),
    repository: flag('A repository is there.'),
    opens: flag('The password opens it; absent without a password.').optional(),
    uuid: text("The repository's own id.").optional(),
    format: count('Version of the format.').optional(),
    write: word(['allowed', 'refused'], 'Whether files can be written.'),
    overwrite: word(['allowed', 'refused'], 'Whether the store lets a file be written over.').optional(),
    remove: word(
      ['allowed', 'refused'],
      'Whether files can be removed; refused: append-only, or object lock.',
    ).optional(),
    reason: text('Why something was refused.').optional(),
  })
  .meta({ id: 'RepositoryProbe', description: 'What was found at a place.' })
export type RepositoryProbe = z.infer<typeof RepositoryProbe>

/** The speed of a storage. */
export const RepositoryBenchmark = z
  .strictObject({
    writeRate: bytes('Large files written, bytes per second.'),
    readRate: bytes('Large files read, bytes per second.'),
    smallWrite: z.number().meta({ description: 'A small file written, milliseconds.' }),
    smallRead: z.number().meta({ description: 'A small file read, milliseconds.' }),
    list: z.number().meta({ description: 'Restore points listed, milliseconds.' }),
    fileSize: bytes('Bytes of a large file.'),
    connections: count('Files at the same time.'),
  })
  .meta({ id: 'RepositoryBenchmark', description: 'The speed of a storage.' })

/** How many restore points stay. */
export const Retention = z
  .strictObject({
    last: count('The newest so many.').max(100_000).optional(),
    hourly: count('One of each hour, for so many hours that have one.').max(100_000).optional(),
    daily: count('One of each day.').max(100_000).optional(),
    weekly: count('One of each week.').max(100_000).optional(),
    monthly: count('One of each month.').max(100_000).optional(),
    yearly: count('One of each year.').max(100_000).optional(),
  })
  .meta({ id: 'Retention', description: 'How many restore points of a VM stay; a point stays when any rule keeps it.' })
export type Retention = z.infer<typeof Retention>

/** The figures of one VM in a repository. */
export const RepositoryGroup = z
  .strictObject({
    path: text('What stands for the VM.'),
    name: text('Name of the VM at its newest point.'),
    points: count('Its restore points.'),
    oldest: z.int().meta({ description: 'Time of the oldest.', unit: 'time' }),
    newest: z.int().meta({ description: 'Time of the newest.', unit: 'time' }),
    restoreSize: bytes('Size of the newest when it is restored.'),
    storedSize: bytes('Room that its points take.'),
    exclusiveSize: bytes('Room that forgetting all of them would free.'),
  })
  .meta({ id: 'RepositoryGroup', description: 'The figures of one VM in a repository.' })

/** A key of a repository. */
export const RepositoryKey = z
  .strictObject({
    name: text('Name of the key.'),
    created: z.string().optional().meta({ description: 'When it was made, as the key says.' }),
    username: text('Who made it.').optional(),
    hostname: text('Where it was made.').optional(),
    current: flag('Nixen opens the repository with it.'),
  })
  .meta({ id: 'RepositoryKey', description: 'A password that opens a repository; never the password itself.' })

/** Who works in a repository. */
export const RepositoryLock = z
  .strictObject({
    name: text('Name of the lock.'),
    time: z.int().meta({ description: 'When it was refreshed last.', unit: 'time' }),
    exclusive: flag('Nobody else may work meanwhile.'),
    hostname: text('On which machine.'),
    username: text('Who.'),
    pid: count('Number of the process there.'),
  })
  .meta({ id: 'RepositoryLock', description: 'Who works in a repository.' })
