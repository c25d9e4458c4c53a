import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ask } from '../../packages/cli/src/appliance/health.ts'
import { root, run, scratch } from './nix.ts'

/** System calls of a group of systemd (`@system-service`), with those of the groups in it. */
async function callsOf(group: string): Promise<ReadonlySet<string>> {
  const { stdout } = await run('systemd-analyze', ['syscall-filter', '--no-pager', group])
  const lines = stdout
    .split('\n')
    .slice(1)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
  const inner = await Promise.all(lines.filter((line) => line.startsWith('@')).map(async (name) => await callsOf(name)))
  const all = new Set(lines)
  for (const calls of inner) for (const call of calls) all.add(call)
  return all
}

/** Every line that a unit has for a key. */
function listOf(unit: string, key: string): readonly string[] {
  return [...unit.matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].map(([, value = '']) => value)
}

/** What the server does from its start to its first answers, as strace sees it. */
async function traceServer(folder: string): Promise<string> {
  const trace = join(folder, 'trace')
  const settings = ['--set', 'server.port=0', '--set', 'server.listen=127.0.0.1']
  const args = [
    '-f',
    '-qq',
    '-o',
    trace,
    process.execPath,
    `${root}packages/cli/src/main.ts`,
    'serve',
    '--json',
    '--state',
    join(folder, 'state'),
  ]
  const child = spawn('strace', [...args, ...settings], { stdio: ['ignore', 'pipe', 'ignore'], detached: true })
  const ended = once(child, 'exit')
  try {
    const early = ended.then(() => {
      throw new Error('The server ended before it said where it is.')
    })
    const [line] = (await Promise.race([once(child.stdout.setEncoding('utf8'), 'data'), early])) as [string]
    const { url } = JSON.parse(line) as { url: string }
    expect(await ask(`${url}healthz`)).toEqual({ ok: true })
  } finally {
    // The group: strace and whom it watches.
    if (child.exitCode === null && child.pid !== undefined) process.kill(-child.pid, 'SIGTERM')
    await ended
  }
  return readFileSync(trace, 'utf8')
}

test('the unit of the server denies nothing that the server does', async () => {
  using folder = scratch()
  const unit = readFileSync(`${root}nix/tests/golden/appliance-minimal/nixen.service`, 'utf8')
  const trace = await traceServer(folder.path)

  const families = new Set([...trace.matchAll(/\bsocket\((AF_\w+)/g)].map(([, family = '']) => family))
  const allowed = listOf(unit, 'RestrictAddressFamilies')
  expect(families.has('AF_INET')).toBe(true)
  expect([...families].filter((family) => !allowed.includes(family))).toEqual([])

  const made = new Set([...trace.matchAll(/^\d+ +([a-z_0-9]+)\(/gm)].map(([, call = '']) => call))
  expect(made.size).toBeGreaterThan(40)
  const filters = listOf(unit, 'SystemCallFilter')
  const denied = new Set<string>()
  const granted = new Set<string>()
  for (const filter of filters)
    for (const call of await callsOf(filter.replace('~', ''))) (filter.startsWith('~') ? denied : granted).add(call)
  // SQLite gives its files to the owner of the database when it is root, which the service is not.
  expect([...made].filter((call) => (!granted.has(call) || denied.has(call)) && call !== 'fchown')).toEqual([])
})
