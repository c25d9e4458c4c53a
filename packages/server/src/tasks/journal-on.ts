import type { ConnectionId } from '@nixen/api'
import type { ActionTask, ProtectJournal } from '@nixen/providers'

/** The journal of a task for what is made on another connection than that of its object: it is undone there. */
export function journalOn(task: ActionTask, connection: ConnectionId): ProtectJournal {
  return { undo: async (step) => await task.undo(step, { connection }) }
}
