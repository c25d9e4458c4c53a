import { newOwnId, type ConnectionId, type TaskId } from '@nixen/api'
import { messageOf, type Clock, type Log } from '@nixen/core'
import type { UndoEntry, UndoStep } from '@nixen/providers'
import type { Selectable } from 'kysely'
import type { Db, Tables } from '../db/tables.ts'

/**
 * Steps whose undoing removes what bears a random mark: doing it once more harms nobody. A host may still be at a call of a process that was killed,
 * and make what was just looked for in vain: these are undone a second time when such calls have ended.
 */
const byMark = /^(protect\.(vm|disk|clone|snapshot)|verify\.place|replica\.(vm|point))$/
/** Milliseconds between the two times. A host answers within them, or takes back what nobody waits for. */
const settles = 30_000

/** A step that is written down and not undone yet. */
export interface Leftover extends UndoStep {
  readonly id: string
  readonly task: TaskId
  readonly connection: ConnectionId
  readonly created: number
  /** Why it could not be undone the last time. */
  readonly failure?: string
  /** When it was undone for the first time: it is looked for once more. */
  readonly undone?: number
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

  /** The task has ended well: what it made stays. What an attempt that failed began is still looked for once more. */
  async keep(task: TaskId): Promise<void> {
    this.#running.delete(task)
    const ids = (await this.list())
      .filter((step) => step.task === task && step.undone === undefined)
      .map(({ id }) => id)
    if (ids.length > 0) await this.#ports.db.deleteFrom('undo').where('id', 'in', ids).execute()
  }

  /**
   * The task has failed: its steps are undone, the last one first. Gives what could not be undone. `cut`: a process of ours was killed, so that a
   * host may still be at what it asked for.
   */
  async undo(task: TaskId, { cut = false }: { readonly cut?: boolean } = {}): Promise<readonly Leftover[]> {
    this.#running.delete(task)
    return await this.takeBack(task, { cut })
  }

  /** The same, and the task goes on with another attempt. */
  async takeBack(task: TaskId, { cut = false }: { readonly cut?: boolean } = {}): Promise<readonly Leftover[]> {
    const mine = (step: Leftover): boolean => step.task === task && step.undone === undefined
    return await this.#undoAll((await this.list()).filter(mine), cut)
  }

  /** Undoes what earlier tasks left on a connection that can be reached now. Gives what could not be undone. */
  async clean(connection: ConnectionId): Promise<readonly Leftover[]> {
    const now = this.#ports.clock.now()
    const mine = ({ connection: on, task, undone }: Leftover): boolean =>
      on === connection && (undone === undefined ? !this.#running.has(task) : now - undone >= settles)
    // Who left them is gone, and may have been killed.
    return await this.#undoAll((await this.list()).filter(mine), true)
  }

  /** Whether something on a connection is to be looked for once more now. */
  async isDue(connection: ConnectionId): Promise<boolean> {
    const now = this.#ports.clock.now()
    const due = ({ connection: on, undone }: Leftover): boolean =>
      on === connection && undone !== undefined && now - undone >= settles
    return (await this.list()).some(due)
  }

  /** All steps that are written down, oldest first. */
  async list(): Promise<readonly Leftover[]> {
    const rows = await this.#ports.db.selectFrom('undo').selectAll().orderBy('created').orderBy('id').execute()
    return rows.map(leftoverOf)
  }

  async #undoAll(steps: readonly Leftover[], cut: boolean): Promise<readonly Leftover[]> {
    const { db, log, undo, clock } = this.#ports
    const left: Leftover[] = []
    for (const step of steps.toReversed()) {
      try {
        await undo(step.connection, step)
        if (cut && step.undone === undefined && byMark.test(step.kind)) {
          const { kind, what, data } = step
          const step_json = JSON.stringify({ kind, what, data, undone: clock.now() })
          await db.updateTable('undo').set({ step_json, failure: null }).where('id', '=', step.id).execute()
        } else await db.deleteFrom('undo').where('id', '=', step.id).execute()
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
  const { kind, what, data, undone } = JSON.parse(step_json) as UndoStep & { readonly undone?: number }
  const step = { id, task: task_id, connection, created, kind, what, data }
  return { ...step, ...(failure === null ? {} : { failure }), ...(undone === undefined ? {} : { undone }) }
}
