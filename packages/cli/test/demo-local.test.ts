import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { main } from './run-nixen.ts'

test(
  'a guest that boots is backed up, destroyed, restored and boots with every file; nothing is left',
  { timeout: 600_000 },
  async () => {
    const temporary = await mkdtemp(join(tmpdir(), 'nd-'))
    const env = { ...process.env, TMPDIR: temporary }
    const child = spawn(process.execPath, [main, 'demo', '--local', '--once', '--json'], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const ended = once(child, 'exit')
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
    const [code] = await ended
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
    const told = JSON.parse(stdout)
    expect(Object.keys(told.files).toSorted()).toEqual(['new', 'numbers', 'random-1', 'random-2', 'random-3'])
    expect(told.incremental).toBeLessThan(told.first / 2)
    expect(await readdir(temporary)).toEqual([])
    const folder = /libvirt in (\/tmp\/nixen-lv-\w+)/.exec(stderr)?.[1] ?? ''
    expect(folder).not.toBe('')
    await expect(access(folder)).rejects.toMatchObject({ code: 'ENOENT' })
    await rm(temporary, { recursive: true })
  },
)
