import type { Snapshot } from '@nixen/backup'
import { readTags, type PointRecord } from '../point-record.ts'

/** What a list says of a snapshot. */
export function recordOf({ id, time, hostname, paths, tags, parent, programVersion }: Snapshot): PointRecord {
  return {
    snapshot: id,
    time,
    name: hostname,
    path: paths.join(' '),
    ...readTags(tags),
    ...(parent === undefined ? {} : { parent }),
    ...(programVersion === undefined ? {} : { program: programVersion }),
  }
}
