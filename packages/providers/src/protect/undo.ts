import type { UndoEntry, UndoStep } from '../action/actions.ts'

/** A step of backup or restore: kinds begin with `protect.`. */
export type ProtectStep = UndoStep

/**
 * Where steps are written down before they are made, durably (DESIGN: undo first). A crash then leaves an entry behind, and
 * `ProtectActions.undo` removes what it stands for. `ActionTask` is one.
 */
export interface ProtectJournal {
  undo(step: ProtectStep): Promise<ProtectEntry>
}

/** A step that was written down. */
export type ProtectEntry = Pick<UndoEntry, 'forget'>
