/** How to take back something that is about to be made. Plain JSON; the provider that wrote it understands it, also after a restart. */
export interface ProtectStep {
  /** `protect.snapshot`, `protect.vm`, `protect.disk`, `protect.swap`, … */
  readonly kind: string
  /** For people: "Remove the snapshot of web-01". */
  readonly what: string
  readonly data: Readonly<Record<string, unknown>>
}

/** A step that was written down. */
export interface ProtectEntry {
  /** Forgets the step: what was made stays, or is gone already. */
  forget(): Promise<void>
}

/**
 * Where steps are written down before they are made, durably (DESIGN: undo first). A crash then leaves an entry behind, and
 * {@link ProtectActions.undo} removes what it stands for. `ActionTask` is one.
 */
export interface ProtectJournal {
  undo(step: ProtectStep): Promise<ProtectEntry>
}
