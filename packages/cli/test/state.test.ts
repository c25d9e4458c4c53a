import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startServer } from '@nixen/server'
import { expect, test } from 'vitest'
import { runHere } from './run-here.ts'
import { runNixen } from './run-nixen.ts'

test('the state is backed up while the server runs, and restored to a new directory only', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'nixen-cli-state-'))
  const [state, to, restored] = ['state', 'backup', 'restored'].map((name) => join(folder, name))
  try {
    if (!state || !to || !restored) throw new TypeError('Three names')
    const flags = { 'server.listen': '127.0.0.1', 'server.port': 0, 'tls.mode': 'off', 'log.level': 'silent' }
    {
      await using _server = await startServer({ stateDir: state, version: '0.0.0-test', flags })
      const made = await runNixen(['state', 'backup', to, '--state', state, '--json'], { cwd: folder })
      expect(made).toMatchObject({ code: 0 })
      expect(JSON.parse(made.stdout)).toMatchObject({ from: state, to, format: 'nixen-state-1' })
    }
    const again = await runNixen(['state', 'backup', to, '--state', state], { cwd: folder })
    expect(again.code).toBe(1)
    expect(again.stderr).toContain('exists already')
    expect(await runNixen(['state', 'restore', to, '--state', restored], { cwd: folder })).toMatchObject({ code: 0 })
    expect((await runNixen(['state', 'restore', to, '--state', restored], { cwd: folder })).stderr).toContain(
      'There is a state in',
    )
    await using server = await startServer({ stateDir: restored, version: '0.0.0-test', flags })
    expect(server.port).toBeGreaterThan(0)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

test('a state is moved to an empty database only, and it is said what is wrong', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'nixen-cli-state-'))
  try {
    const env = { HOME: folder, NIXEN_STATE_DIR: join(folder, 'state') }
    const none = await runHere(['state', 'move', 'postgres://nobody@127.0.0.1:1/nixen'], { env })
    expect([none.code, none.stderr]).toEqual([1, expect.stringContaining('there is no such file')])
    const flags = { 'server.listen': '127.0.0.1', 'server.port': 0, 'tls.mode': 'off', 'log.level': 'silent' }
    {
      await using _server = await startServer({ stateDir: env.NIXEN_STATE_DIR, version: '0.0.0-test', flags })
      const running = await runHere(['state', 'move', 'postgres://nobody@127.0.0.1:1/nixen'], { env })
      expect(running.stderr).toContain('[server.state_in_use]')
    }
    const gone = await runHere(['state', 'move', 'postgres://nobody:secret@127.0.0.1:1/nixen'], { env })
    expect(gone.stderr).toContain('The database 127.0.0.1/nixen cannot be used')
    expect(gone.stderr).not.toContain('secret')
    const wrong = await runHere(['state', 'move', 'mysql://db/nixen'], { env })
    expect(wrong.stderr).toContain('postgres://')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
