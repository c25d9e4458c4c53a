import { readdir, readFile, rename, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { expect, test } from 'vitest'
import { initRepository, openRepository, restic, temporaryDirectory } from '../../test/support.ts'
import { listNotes, readEvidence, readNotes, removeNotes, saveEvidence, saveNote } from './notes.ts'

test('notes are read by whoever opens the repository, and restic passes over them', async () => {
  await using folder = await temporaryDirectory()
  const picture = new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0, 1, 2, 3])
  const first = await initRepository(folder.path)
  const evidence = await saveEvidence(first, picture)
  const name = await saveNote(first, { format: 'test/1', text: 'übrig' })
  const other = await openRepository(folder.path)
  expect(await listNotes(other)).toEqual([name])
  expect(await Array.fromAsync(readNotes(other, [name]))).toEqual([
    { name, content: { format: 'test/1', text: 'übrig' } },
  ])
  expect(Buffer.from(await readEvidence(other, evidence))).toEqual(Buffer.from(picture))
  const check = (await restic(folder.path, 'check', '--read-data')).toString()
  expect(check).toContain('no errors were found')
  expect(JSON.parse((await restic(folder.path, 'snapshots', '--json')).toString())).toEqual([])
  // What is on the disk is sealed.
  expect(await readFile(path.join(folder.path, 'nixen-notes', name), 'latin1')).not.toContain('test/1')
  await removeNotes(other, { notes: [name], evidence: [evidence] })
  expect(await listNotes(first)).toEqual([])
})

test('a note that is damaged is told, and the others are read', async () => {
  await using folder = await temporaryDirectory()
  const repository = await initRepository(folder.path)
  const names = [await saveNote(repository, { n: 1 }), await saveNote(repository, { n: 2 })]
  const file = path.join(folder.path, 'nixen-notes', names[0] ?? '')
  const bytes = await readFile(file)
  bytes[20] = (bytes[20] ?? 0) ^ 1
  await writeFile(`${file}.new`, bytes)
  await rename(`${file}.new`, file)
  const read = await Array.fromAsync(readNotes(repository, names))
  expect(read).toMatchObject([{ damaged: expect.stringContaining('SHA-256') }, { content: { n: 2 } }])
})

test('a note is not written into an empty mount point', async () => {
  await using folder = await temporaryDirectory()
  const repository = await initRepository(path.join(folder.path, 'share'))
  await rename(path.join(folder.path, 'share'), path.join(folder.path, 'elsewhere'))
  await expect(saveNote(repository, { n: 1 })).rejects.toMatchObject({ code: 'storage.failed' })
  expect(await readdir(folder.path)).toEqual(['elsewhere'])
})
