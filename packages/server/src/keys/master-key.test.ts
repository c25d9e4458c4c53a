import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { addKey, dropOldKeys, openVault } from './master-key.ts'

let folder = ''
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'nixen-keys-'))))
afterEach(() => rmSync(folder, { recursive: true, force: true }))

test('a secret opens with the key that it names, in the place that it was sealed for', () => {
  const vault = openVault(folder)
  const sealed = vault.seal('s3cret', 'connection:a:password')
  expect(sealed).toMatch(new RegExp(`^v1\\.${vault.current}\\.[\\w-]+$`))
  expect(vault.seal('s3cret', 'connection:a:password')).not.toBe(sealed)
  expect(openVault(folder).open(sealed, 'connection:a:password')).toBe('s3cret')
  expect(() => vault.open(sealed, 'connection:b:password')).toThrow('connection:b:password was changed or is damaged')
  expect(() => vault.open(`${sealed.slice(0, -3)}AAA`, 'connection:a:password')).toThrow('damaged')
  expect(() => vault.open('v1.00000000.AAAA', 'x')).toThrow('which is not in')
  expect(() => vault.open('nonsense', 'x')).toThrow('damaged')
  expect(statSync(join(folder, 'master.key')).mode & 0o777).toBe(0o600)
})

test('keys are changed: old secrets open until the old key is dropped', () => {
  const sealed = openVault(folder).seal('s3cret', 'x')
  const both = addKey(folder)
  expect(both.open(sealed, 'x')).toBe('s3cret')
  const again = both.seal(both.open(sealed, 'x'), 'x')
  const one = dropOldKeys(folder)
  expect(one.open(again, 'x')).toBe('s3cret')
  expect(() => one.open(sealed, 'x')).toThrow('Restore that file')
})
