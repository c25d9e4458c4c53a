import { startJanitor } from '../tasks/janitor.ts'
import { TaskStore } from '../tasks/task-store.ts'
import { Tasks } from '../tasks/tasks.ts'
import { UndoJournal } from '../tasks/undo-journal.ts'
import type { Base } from './base.ts'
import type { Live } from './live.ts'

/** What is being done, and how it is undone. */
export interface Work {
  readonly tasks: Tasks
  readonly journal: UndoJournal
}

/** Tasks, those of the last start ended, and the janitor that undoes what they left. */
export async function openWork({ db, clock, log, parts }: Base, { inventory, session }: Live): Promise<Work> {
  const journal = new UndoJournal({ db, clock, log, undo: async (id, step) => await session(id).undo(step) })
  const tasks = parts.use(new Tasks({ store: new TaskStore(db), journal, inventory, clock, log, session }))
  await tasks.start()
  parts.use(startJanitor({ inventory, journal, clock, log }))
  return { tasks, journal }
}
