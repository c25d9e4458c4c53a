import type { Brand } from '@nixen/core'
import { z } from 'zod'
import { RepositoryId } from '../ids/own-id.ts'
import { bytes, count, tags, text, time, word } from '../schema/fields.ts'

/** Names a restore point: `REPOSITORY.SNAPSHOT`, with restic's id of the snapshot (64 hexadecimal digits). */
export type PointId = Brand<string, 'point-id'>

const shape = /^([a-z0-9][a-z0-9-]{0,31})\.([0-9a-f]{64})$/

/** Makes the id of a restore point. */
export function formatPointId(repository: RepositoryId, snapshot: string): PointId {
  // Made of its two parts, as `parsePointId` takes it apart.
  return `${repository}.${snapshot}` as PointId
}

/** Takes the id of a restore point apart; `undefined` when it is none. */
export function parsePointId(
  text: string,
): { readonly repository: RepositoryId; readonly snapshot: string } | undefined {
  const [, repository, snapshot] = shape.exec(text) ?? []
  if (repository === undefined || snapshot === undefined) return undefined
  // The pattern is that of an own id.
  return { repository: repository as RepositoryId, snapshot }
}

const pointId = z
  .string()
  .regex(shape, { error: 'Not the id of a restore point: REPOSITORY.SNAPSHOT with all 64 digits of the snapshot.' })
  .meta({ format: 'point-id', examples: ['k3f9x2ab.5956a3f67a62…'] })
// A string of that form is an id; zod cannot say so.
export const PointId: z.ZodType<PointId, string> = pointId as z.ZodType<string, string> as z.ZodType<PointId, string>

/** How whole the disks of a restore point are together. */
export const consistencies = ['crash', 'quiesced', 'memory', 'offline'] as const

/** One VM at one moment in a repository. */
export const Point = z
  .strictObject({
    id: PointId,
    repository: RepositoryId,
    name: text('Name of the VM at that time.'),
    time: time('When it was taken.'),
    tags,
    uuid: text("The provider's own name of the VM.").optional(),
    lineage: text("Nixen's own id of the VM, the same after migration and restore.").optional(),
    pool: text('Name of the pool that it ran in.').optional(),
    ips: z.array(z.string()).optional().meta({ description: 'Addresses that the VM had.' }),
    os: text('Operating system of the VM.').optional(),
    size: bytes('Size of all its disks together.').optional(),
    disks: count('Number of its disks.').optional(),
    job: text('The job that made it.').optional(),
    consistency: word(
      consistencies,
      'crash: as after a power cut; quiesced: the guest wrote its caches; memory: with the memory; offline: the VM was off.',
    ).optional(),
    verified: time('When it was last started and found good.').optional(),
    check: word(['passed', 'failed'], 'How its newest health check ended.').optional(),
    path: text('What stands for the VM in the repository; points of one VM have the same.'),
    parent: text('The restore point that it was made after, as restic names it.').optional(),
    program: text('What wrote it; absent for old versions of restic.').optional(),
  })
  .meta({ id: 'Point', description: 'A restore point: one VM at one moment in a repository.' })
export type Point = z.infer<typeof Point>

/** A file of a restore point. */
export const PointFile = z
  .strictObject({
    path: text('In the restore point.'),
    size: bytes('In bytes, as it is restored.'),
  })
  .meta({ id: 'PointFile', description: 'A file of a restore point.' })
export type PointFile = z.infer<typeof PointFile>

/** A restore point with what is inside. */
export const PointDetail = z
  .strictObject({
    point: Point,
    disks: z.array(PointFile).meta({ description: 'Its disks, raw images.' }),
    files: z.array(PointFile).meta({ description: 'Other files: NVRAM, memory, …' }),
    vm: z.unknown().meta({ description: 'How the VM was set up: the content of vm.json.' }),
  })
  .meta({ id: 'PointDetail', description: 'A restore point with what is inside.' })
export type PointDetail = z.infer<typeof PointDetail>
