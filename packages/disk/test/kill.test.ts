import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readdir, rm, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { seededRandom } from '@nixen/core'
import { describe, expect, test } from 'vitest'
import { compareDisks, diskFormats, openDisk } from '../src/index.ts'
import { scratch, sparseBytes } from './images.ts'

const rounds = process.env['NIXEN_LONG_TESTS'] === '1' ? 100 : 3
const child = fileURLToPath(new URL('kill-child.ts', import.meta.url))

describe.each(diskFormats.filter((format) => format.create).map((format) => format.name))(
  'a conversion to %s',
  (format) => {
    test('that is killed leaves no incomplete file with the final name', async () => {
      await using dir = await scratch()
      const random = seededRandom(1)
      await writeFile(dir.file('source.raw'), sparseBytes(24 * 1024 * 1024, 6))
      await using source = await openDisk(dir.file('source.raw'), { format: 'raw' })
      for (let round = 0; round < rounds; round++) {
        await rm(dir.file('target'), { force: true })
        const running = fork(child, [dir.file('source.raw'), dir.file('target'), format], { stdio: 'inherit' })
        await once(running, 'message')
        await new Promise((resolve) => setTimeout(resolve, random() * 150))
        running.kill('SIGKILL')
        await once(running, 'exit')
        const names = await readdir(dir.path)
        expect(names.every((name) => name === 'source.raw' || name === 'target' || name.endsWith('.partial'))).toBe(
          true,
        )
        if (!names.includes('target')) continue
        await using target = await openDisk(dir.file('target'), { format })
        await expect(compareDisks(source, target)).resolves.toEqual({ kind: 'identical' })
      }
    })
  },
)
