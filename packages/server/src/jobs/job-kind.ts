import type { JobWork, ResourceType, RunItem, Schedule } from '@nixen/api'
import type { ActionTask } from '@nixen/providers'
import type { Principal } from '../auth/principal.ts'
import type { Selected } from './select.ts'
import type { StoredJob } from './job-store.ts'

/** What there is of an object besides how it ended. */
export type ItemResult = Partial<Pick<RunItem, 'read' | 'written' | 'notes'>> & { readonly warned?: boolean }

/** One run of a job, as its kind sees it. */
export interface RunContext {
  readonly job: StoredJob
  /** The schedule that asked for it, or that somebody chose. */
  readonly schedule: Schedule | undefined
  readonly run: string
  readonly who: Principal
}

/** What differs between kinds of jobs. */
export interface JobKind<K extends JobWork['kind'] = JobWork['kind']> {
  readonly kind: K
  /** Type of the objects that it works on. */
  typeOf(work: Extract<JobWork, { kind: K }>): ResourceType
  /** What it works on, where that is not of the inventory; a selection counts for nothing then. */
  objects?(work: Extract<JobWork, { kind: K }>): readonly Selected[]
  /** Refuses work that can never be. @throws job.unsupported, … */
  check(work: Extract<JobWork, { kind: K }>): void | Promise<void>
  /** What it does, in words: "Starts", "Backs up to NAS". */
  describe(work: Extract<JobWork, { kind: K }>): string
  /** Why it would not be done with an object now. */
  refuse(context: Pick<RunContext, 'job' | 'who'>, object: Selected): string | undefined
  /** Which of its objects have their turn in a run; all when left out. */
  choose?(context: RunContext, objects: readonly Selected[]): Promise<readonly Selected[]>
  /** Does it with one object. The task is the object's own. */
  work(context: RunContext, object: Selected, task: ActionTask): Promise<ItemResult | void>
  /** Once, after the last object. */
  finish?(context: RunContext, task: ActionTask): Promise<void>
}

export type JobKinds = { readonly [K in JobWork['kind']]?: JobKind<K> }
