import { readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually, makeLab, type Lab, type Place } from './rig.ts'

// Files that go to the server and come from it.

let lab: Lab
let place: Place
beforeAll(async () => {
  lab = await makeLab()
  place = lab.place
})
afterAll(() => lab[Symbol.asyncDispose]())

// Whole blocks of 2 MiB: the host rounds sizes up to them.
const content = Buffer.alloc(6 * 1024 * 1024, 'a disk of some blocks ')

test('a disk is imported from a file and exported into one, which gets its name when it is whole', async () => {
  const file = join(place.folder, 'disk.raw')
  await writeFile(file, content)
  const { items } = await place.ask('storage', 'list', '-q', 'content:disks', '--sort=-size')
  const args = ['disk', 'import', '--storage', items[0].id, '--name', 'sent', '--format', 'raw', '--file', file]
  const sent = await place.nixen(args)
  expect(sent).toMatchObject({ code: 0, stderr: expect.not.stringContaining('nixen:') })
  await eventually(async () => (await place.ask('disk', 'list', '-q', 'name:sent')).total === 1)
  const out = join(place.folder, 'back.raw')
  const back = await place.nixen(['disk', 'export', 'sent', '--format', 'raw', '-o', out])
  expect(back).toMatchObject({ code: 0, stdout: `${out}\n` })
  expect(Buffer.compare(await readFile(out), content)).toBe(0)
  expect((await readdir(place.folder)).filter((name) => name.endsWith('.partial'))).toEqual([])
  const again = await place.nixen(['disk', 'export', 'sent', '--format', 'raw', '-o', out])
  expect(again.code).not.toBe(0)
  expect(again.stderr).toContain('is there already')
})

test('a file that is not there is named', async () => {
  const { items } = await place.ask('storage', 'list', '-q', 'content:disks')
  const args = ['disk', 'import', '--storage', items[0].id, '--name', 'x', '--format', 'raw', '--file', '/no/such/file']
  const { code, stderr } = await place.nixen(args)
  expect(code).not.toBe(0)
  expect(stderr).toContain('/no/such/file cannot be read')
})
