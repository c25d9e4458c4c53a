import type { PointCheck } from '@nixen/api'
import { isRecord } from '@nixen/core'
import type { NoteItem } from '../worker/operations/prove.ts'

/** A health check, as a note of a repository holds it. */
export interface CheckRecord extends Omit<PointCheck, 'id' | 'point' | 'picture'> {
  /** Name of the note. */
  readonly name: string
  /** The restore point: restic's id of the snapshot. */
  readonly snapshot: string
  /** Name of the picture. */
  readonly evidence?: string | undefined
}

/** What is new of a check, to be written. */
export type NewCheck = Omit<CheckRecord, 'name' | 'evidence'>

const format = 'nixen.check/1'

/** A check as a note. */
export function checkNote(check: NewCheck): Readonly<Record<string, unknown>> {
  return { format, ...check }
}

/** A note that is a health check; `undefined` for another one, or one that is not as we write it. */
export function readCheckNote({ name, content }: NoteItem): CheckRecord | undefined {
  if (!isRecord(content) || content['format'] !== format) return undefined
  const { snapshot, state, time, evidence, notes } = content
  if (typeof snapshot !== 'string' || typeof time !== 'number' || !Array.isArray(notes)) return undefined
  if (state !== 'passed' && state !== 'failed') return undefined
  if (evidence !== undefined && typeof evidence !== 'string') return undefined
  const { format: _, ...fields } = content
  // Written by `checkNote`, and sealed with the key of the repository.
  return { ...(fields as unknown as Omit<CheckRecord, 'name'>), name }
}

/** A record as the contract shows it. */
export function showCheck(record: CheckRecord, point: PointCheck['point']): PointCheck {
  const { name, snapshot: _, evidence, job, ...rest } = record
  return {
    ...rest,
    ...(job === undefined ? {} : { job }),
    id: name,
    point,
    picture: evidence !== undefined,
  }
}
