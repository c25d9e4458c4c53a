import { newOwnId, type ConnectionId, type TaskId } from '@nixen/api'
import { messageOf, type Clock, type Log } from '@nixen/core'
import type { UndoEntry, UndoStep } from '@nixen/providers'
import type { Selectable } from 'kysely'
import type { Db, Tables } from '../db/tables.ts'

/** A step that is written down and not undone yet. */
export interface Leftover extends UndoStep {
  readonly id: string
  readonly task: TaskId
  readonly connection: ConnectionId
  readonly created: number
  /** Why it could not be undone the last time. */
  readonly failure?: string
}

export interface UndoJournalPorts {
  readonly db: Db
  readonly clock: Clock
  readonly log: Log
  /** Takes a step back on its connection. @throws connection.* */
  readonly undo: (connection: ConnectionId, step: UndoStep) => Promise<void>
}

/**
 * Steps that tasks write down before they make something (DESIGN: undo first). What a task that failed or was interrupted has begun is
 * taken back from here, when its connection can be reached; until then it stays listed.
 */
export class UndoJournal {
  readonly #ports: UndoJournalPorts
  /** Tasks that run: their steps are theirs. */
  readonly #running = new Set<TaskId>()

  constructor(ports: UndoJournalPorts) {
    this.#ports = ports
  }

  /** From now on the steps of `task` are left alone until {@link end}. */
  begin(task: TaskId): void {
    this.#running.add(task)
  }

  /** Writes a step down, durably. */
  async write(step: UndoStep, { task, connection }: { task: TaskId; connection: ConnectionId }): Promise<UndoEntry> {
    const { db, clock } = this.#ports
    const id = newOwnId<'undo'>()
    const row = { id, task_id: task, connection, created: clock.now(), failure: null }
    await db
      .insertInto('undo')
      .values({ ...row, step_json: JSON.stringify(step) })
      .execute()
    return {
      update: async (data) => {
        const step_json = JSON.stringify({ ...step, data })
        await db.updateTable('undo').set({ step_json }).where('id', '=', id).execute()
      },
      forget: async () => void (await db.deleteFrom('undo').where('id', '=', id).execute()),
    }
  }

  /** The task has ended well: what it made stays. */
  async keep(task: TaskId): Promise<void> {
    this.#running.delete(task)
    await this.#ports.db.deleteFrom('undo').where('task_id', '=', task).execute()
  }

  /** The task has failed: its steps are undone, the last one first. Gives what could not be undone. */
  async undo(task: TaskId): Promise<readonly Leftover[]> {
    this.#running.delete(task)
    return await this.#undoAll((await this.list()).filter((step) => step.task === task))
  }

  /** Undoes what earlier tasks left on a connection that can be reached now. Gives what could not be undone. */
  async clean(connection: ConnectionId): Promise<readonly Leftover[]> {
    const mine = (step: Leftover): boolean => step.connection === connection && !this.#running.has(step.task)
    return await this.#undoAll((await this.list()).filter(mine))
  }

  /** All steps that are written down, oldest first. */
  async list(): Promise<readonly Leftover[]> {
    const rows = await this.#ports.db.selectFrom('undo').selectAll().orderBy('created').orderBy('id').execute()
    return rows.map(leftoverOf)
  }

  async #undoAll(steps: readonly Leftover[]): Promise<readonly Leftover[]> {
    const { db, log, undo } = this.#ports
    const left: Leftover[] = []
    for (const step of steps.toReversed()) {
      try {
        await undo(step.connection, step)
        await db.deleteFrom('undo').where('id', '=', step.id).execute()
        log.info('undone', { what: step.what, task: step.task })
      } catch (error) {
        const failure = messageOf(error)
        log.warn('could not be undone, kept for later', { what: step.what, task: step.task, failure })
        await db.updateTable('undo').set({ failure }).where('id', '=', step.id).execute()
        left.push({ ...step, failure })
      }
    }
    return left
  }
}

function leftoverOf({ id, task_id, connection, step_json, created, failure }: Selectable<Tables['undo']>): Leftover {
  // Written by `write`.
  const { kind, what, data } = JSON.parse(step_json) as UndoStep
  return { id, task: task_id, connection, created, kind, what, data, ...(failure === null ? {} : { failure }) }
}
