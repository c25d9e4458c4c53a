import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

test('what is committed is what the data gives', async () => {
  const script = fileURLToPath(new URL('../scripts/gen.ts', import.meta.url))
  const { stderr } = await promisify(execFile)(process.execPath, [script, '--verify'])
  expect(stderr).toBe('')
})
