import { isAppError } from '@nixen/core'
import type { Repository, SignalOption } from '../repository/repository.ts'

// Notes are small sealed JSON documents about restore points, which restic passes over: they are in folders that it does not know. A copy of the whole
// directory or bucket takes them along. Nothing depends on them: a repository without is whole.

/** A note that was read, or could not be. */
export type ReadNote =
  | { readonly name: string; readonly content: unknown }
  | { readonly name: string; readonly damaged: string }

/** Names of all notes. Errors: storage's. */
export async function listNotes(repository: Repository, options: SignalOption = {}): Promise<string[]> {
  const files = await Array.fromAsync(repository.storage.list('note', options))
  return files.map(({ name }) => name)
}

/** Reads notes; one that is damaged is told and costs no other. One that is gone meanwhile is left out. Errors: storage's. */
export async function* readNotes(
  repository: Repository,
  names: readonly string[],
  options: SignalOption = {},
): AsyncGenerator<ReadNote> {
  for (const name of names) {
    try {
      const document = await repository.loadUnpacked('note', name, options)
      yield { name, content: JSON.parse(Buffer.from(document).toString()) as unknown }
    } catch (error) {
      options.signal?.throwIfAborted()
      if (isAppError(error, 'storage.not_found')) continue
      if (!isAppError(error, 'backup.file_damaged') && !(error instanceof SyntaxError)) throw error
      yield { name, damaged: error.message }
    }
  }
}

/** Saves a note; its name when it is durable. Errors: `backup.read_only_version`, storage's. */
export async function saveNote(repository: Repository, content: object, options: SignalOption = {}): Promise<string> {
  return await repository.saveUnpacked('note', Buffer.from(JSON.stringify(content)), options)
}

/** Saves what a note refers to by the name that this resolves with. To be saved before the note. */
export async function saveEvidence(
  repository: Repository,
  bytes: Uint8Array,
  options: SignalOption = {},
): Promise<string> {
  return await repository.saveUnpacked('evidence', bytes, options)
}

/** What a note refers to. Errors: `backup.file_damaged`, `storage.not_found`, storage's. */
export async function readEvidence(
  repository: Repository,
  name: string,
  options: SignalOption = {},
): Promise<Uint8Array> {
  return await repository.loadUnpacked('evidence', name, options)
}

/** Removes notes and evidence. A store that takes nothing away keeps them: they harm nobody. */
export async function removeNotes(
  repository: Repository,
  files: { readonly notes: readonly string[]; readonly evidence: readonly string[] },
  options: SignalOption = {},
): Promise<void> {
  const all = [
    // The note first: one without its evidence would promise what is not there.
    ...files.notes.map((name) => ({ kind: 'note', name }) as const),
    ...files.evidence.map((name) => ({ kind: 'evidence', name }) as const),
  ]
  for (const file of all) {
    try {
      await repository.storage.remove(file, options)
    } catch (error) {
      if (!isAppError(error, 'storage.denied')) throw error
      return
    }
  }
}
