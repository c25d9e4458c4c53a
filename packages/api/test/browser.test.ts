import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'
import { expect, test } from 'vitest'

test('all of the package loads in a browser: its bundle asks for nothing of Node', async () => {
  const missing: string[] = []
  const bundle = await rolldown({
    input: fileURLToPath(new URL('../src/index.ts', import.meta.url)),
    platform: 'browser',
    onLog: (_level, { message }) => missing.push(message),
  })
  const { output } = await bundle.generate({ format: 'esm' })
  await bundle.close()
  const chunks = output.filter((item) => item.type === 'chunk')
  expect(chunks.flatMap(({ imports, dynamicImports }) => [...imports, ...dynamicImports])).toEqual([])
  expect(missing).toEqual([])
  expect(chunks[0]?.exports).toContain('createClient')
})
