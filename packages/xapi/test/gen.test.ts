import { execFile } from 'node:child_process'
import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readModel } from '../scripts/gen/model.ts'
import { Releases } from '../scripts/gen/releases.ts'

const script = fileURLToPath(new URL('../scripts/gen.ts', import.meta.url))
const committed = fileURLToPath(new URL('../src/generated', import.meta.url))
let folder = ''

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nixen-gen-'))
})

afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
})

describe('the generator', () => {
  test('makes what is committed, and the same each time', async () => {
    expect(await generate(folder)).toEqual({ code: 0, said: '' })
    const names = (await readdir(folder)).toSorted()
    expect(names).toEqual((await readdir(committed)).toSorted())
    for (const name of names) {
      expect(await readFile(join(folder, name), 'utf8')).toBe(await readFile(join(committed, name), 'utf8'))
    }
    expect(await generate('--verify', folder)).toEqual({ code: 0, said: '' })
  })

  test('says which file differs, and where', async () => {
    await generate(folder)
    const path = join(folder, 'enums.ts')
    const text = await readFile(path, 'utf8')
    await writeFile(path, text.replace("'Halted'", "'Stopped'"))
    await appendFile(join(folder, 'stray.ts'), 'export {}')
    await rm(join(folder, 'tables.ts'))
    const { code, said } = await generate('--verify', folder)
    expect(code).toBe(1)
    expect(said).toMatch(/enums\.ts: .* first difference in line \d+/)
    expect(said).toContain("- export type VmPowerState = 'Stopped'")
    expect(said).toContain("+ export type VmPowerState = 'Halted'")
    expect(said).toContain('stray.ts: nothing generates this file')
    expect(said).toContain('tables.ts: cannot be read')
    expect(await generate(folder)).toEqual({ code: 0, said: '' })
    expect(await generate('--verify', folder)).toEqual({ code: 0, said: '' })
  })
})

describe('the oldest supported host', () => {
  const model = readModel()
  const releases = new Releases(model)
  const fieldOf = (className: string, name: string): boolean => {
    const owner = model.classes.find((type) => type.name === className)
    const field = owner?.fields.find((candidate) => candidate.name === name)
    if (!owner || !field) throw new Error(`No field ${className}.${name}`)
    return releases.maybeAbsent(field.lifecycle, owner.lifecycle)
  }

  test.each([
    // Of 2.15 (stockholm) and before.
    ['VM', 'name_label', false],
    ['VM', 'NVRAM', false],
    ['pool', 'tags', false],
    ['VM', 'domain_type', false],
    // Of a hotfix of 8.2, of xapi 1.250 and later.
    ['host', 'https_only', true],
    ['VM', 'pending_guidances', true],
    ['pool', 'migration_compression', true],
    // Removed: a later host may leave it out.
    ['VBD', 'metrics', true],
    // A class newer than 8.2 has what it began with, not what came later.
    ['Repository', 'uuid', false],
    ['Repository', 'gpgkey_path', true],
  ])('may lack %s.%s: %s', (className, name, absent) => expect(fieldOf(className, name)).toBe(absent))
})

async function generate(...args: readonly string[]): Promise<{ code: number; said: string }> {
  return await new Promise((resolve) => {
    execFile(process.execPath, [script, ...args], (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, said: stdout + stderr })
    })
  })
}
