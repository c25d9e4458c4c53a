import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startServer } from '@nixen/server'
import { expect, test } from 'vitest'
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
