import type { Task, TaskId, TaskLine } from '@nixen/api'
import type { Db } from '../db/tables.ts'

/** Rows that are read at a time: the event loop is free in between. */
const piece = 200

/** Tasks of Nixen itself, as the database keeps them. */
export class TaskStore {
  readonly #db: Db

  constructor(db: Db) {
    this.#db = db
  }

  /** Writes tasks down, all or none. */
  async add(tasks: readonly Task[]): Promise<void> {
    const rows = tasks.map((task) => ({
      id: task.id,
      task_json: JSON.stringify(task),
      created: task.created,
      finished: task.finished ?? null,
    }))
    await this.#db.insertInto('tasks').values(rows).execute()
  }

  async put(task: Task): Promise<void> {
    const { id, finished = null } = task
    await this.#db
      .updateTable('tasks')
      .set({ task_json: JSON.stringify(task), finished })
      .where('id', '=', id)
      .execute()
  }

  /** Tasks that have not ended, and the newest ones that have, at most `limit`. */
  async recent(limit: number): Promise<{ readonly open: readonly Task[]; readonly ended: readonly Task[] }> {
    const open = await this.#db.selectFrom('tasks').select('task_json').where('finished', 'is', null).execute()
    const ended = await this.#db
      .selectFrom('tasks')
      .select('task_json')
      .where('finished', 'is not', null)
      .orderBy('finished', 'desc')
      .limit(limit)
      .execute()
    return { open: open.map(parse), ended: ended.map(parse) }
  }

  /** Tasks that were asked for before a time, the newest first, in pieces. */
  async *before(time: number): AsyncGenerator<Task, void> {
    let at = { created: time, id: '' }
    for (;;) {
      const rows = await this.#db
        .selectFrom('tasks')
        .select(['id', 'created', 'task_json'])
        .where((where) =>
          where.or([
            where('created', '<', at.created),
            where.and([where('created', '=', at.created), where('id', '<', at.id as TaskId)]),
          ]),
        )
        .orderBy('created', 'desc')
        .orderBy('id', 'desc')
        .limit(piece)
        .execute()
      yield* rows.map(parse)
      const last = rows.at(-1)
      if (!last || rows.length < piece) return
      at = last
    }
  }

  /** Appends to the log of a task. */
  async addLine(task: TaskId, seq: number, { at, text }: TaskLine): Promise<void> {
    await this.#db.insertInto('task_lines').values({ task_id: task, seq, at, text }).execute()
  }

  /** The log of a task. */
  async lines(task: TaskId): Promise<readonly TaskLine[]> {
    return await this.#db
      .selectFrom('task_lines')
      .select(['at', 'text'])
      .where('task_id', '=', task)
      .orderBy('seq')
      .execute()
  }

  /** Forgets what ended before `time`. */
  async forgetBefore(time: number): Promise<void> {
    await this.#db.deleteFrom('tasks').where('finished', '<', time).execute()
  }
}

function parse({ task_json }: { readonly task_json: string }): Task {
  // Written by this class.
  return JSON.parse(task_json) as Task
}
