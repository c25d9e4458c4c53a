import type { Operation, OperationKind } from './operation.ts'

/** A note beside a repository, as it is there. */
export interface NoteItem {
  readonly name: string
  readonly content: unknown
}

/** Notes about restore points. */
export interface ProveOperations {
  /** Notes that are not among `known`, in pieces. */
  readonly notes: Operation<
    { readonly known?: readonly string[] | undefined },
    { readonly present: readonly string[]; readonly damaged: readonly string[] },
    NoteItem
  >
  /** Saves a note; `evidence` is saved before it, and named in it as `evidence`. Gives its name, and how it is now. */
  readonly addNote: Operation<
    { readonly content: Readonly<Record<string, unknown>>; readonly evidence?: Uint8Array | undefined },
    NoteItem
  >
  readonly evidence: Operation<{ readonly name: string }, { readonly bytes: Uint8Array }>
  readonly removeNotes: Operation<{ readonly notes: readonly string[]; readonly evidence: readonly string[] }, object>
}

export const proveKinds = {
  notes: 'light',
  addNote: 'light',
  evidence: 'light',
  removeNotes: 'light',
} as const satisfies Readonly<Record<keyof ProveOperations, OperationKind>>
