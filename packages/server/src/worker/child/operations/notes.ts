import { listNotes, readEvidence, readNotes, removeNotes as removeFiles, saveEvidence, saveNote } from '@nixen/backup'
import type { NoteItem } from '../../operations/prove.ts'
import type { OperationCode } from '../context.ts'

/** Notes that are sent at a time. */
const piece = 200

/** Lists the notes of a repository, and sends those that are not known. */
export const notes: OperationCode<'notes'> = async ({ known = [] }, { open, signal, send, progress }) => {
  const repository = await open()
  progress({ phase: 'list' })
  const present = await listNotes(repository, { signal })
  const before = new Set(known)
  const fresh = present.filter((name) => !before.has(name))
  const damaged: string[] = []
  let items: NoteItem[] = []
  for await (const note of readNotes(repository, fresh, { signal })) {
    if ('damaged' in note) damaged.push(note.name)
    else items.push(note)
    if (items.length < piece) continue
    await send(items)
    items = []
  }
  if (items.length > 0) await send(items)
  return { present, damaged }
}

/** Saves a note, what it refers to first. */
export const addNote: OperationCode<'addNote'> = async ({ content, evidence: bytes }, { open, signal }) => {
  const repository = await open()
  const evidence = bytes && (await saveEvidence(repository, bytes, { signal }))
  const whole = evidence === undefined ? content : { ...content, evidence }
  return { name: await saveNote(repository, whole, { signal }), content: whole }
}

/** What a note refers to. */
export const evidence: OperationCode<'evidence'> = async ({ name }, { open, signal }) => ({
  bytes: await readEvidence(await open(), name, { signal }),
})

/** Removes notes and what they refer to, where the store lets us. */
export const removeNotes: OperationCode<'removeNotes'> = async (files, { open, signal }) => {
  await removeFiles(await open(), files, { signal })
  return {}
}
