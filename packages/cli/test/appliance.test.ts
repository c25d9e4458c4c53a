import { execFileSync } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { PastRun } from '../src/appliance/journal.ts'
import { profileOf, startMachine, type Machine } from './appliance-rig.ts'

const before = '{"first":true}\n'

/** Where the updater is killed, and whose system the machine has after it was recovered. */
const killPoints: readonly (readonly [point: string, which: 'old' | 'new'])[] = [
  ['nix:after', 'old'],
  ['rebuild:after', 'old'],
  ['snapshot:after', 'old'],
  ['test:middle', 'old'],
  ['test:after', 'old'],
  ['nix-env:middle', 'new'],
  ['nix-env:after', 'new'],
  ['boot:before', 'new'],
]
/** Both sides of a boundary between two steps are the same state of the machine: the other side only when there is time. */
const furtherKillPoints: typeof killPoints = [
  ['nix:before', 'old'],
  ['test:before', 'old'],
  ['nix-env:before', 'new'],
  ['boot:after', 'new'],
]
const isLong = process.env['NIXEN_LONG_TESTS'] === '1'

/** Whole: what runs, what boots and the profile are one system, and the lock file is the one that it was built from. */
function expectWhole(machine: Machine): void {
  expect(machine.boots()).toBe(machine.running())
  expect(readFileSync(join(machine.root, 'services'), 'utf8').trim()).toBe(machine.running())
  expect(machine.lock() === before).toBe(machine.running() === 'system-old')
  expect(machine.journal()).toBe(false)
}

describe('an update of the machine', () => {
  test('builds a copy, activates it, asks Nixen, and only then makes it what boots', async () => {
    await using machine = await startMachine()
    const { code, stdout } = await machine.run('update', 'nixpkgs', '--json')
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ kind: 'nixpkgs', outcome: 'updated' })
    expectWhole(machine)
    expect(machine.running()).toMatch(/^system-[0-9a-f]{8}$/)
    const order = machine.calls().map((call) =>
      call
        .replace(/system-\w{8}/, 'NEW')
        .split(' ')
        .slice(0, 2)
        .join(' '),
    )
    expect(order).toEqual([
      'nix flake',
      'rebuild build',
      'snapshot ',
      'NEW test',
      'nix-env -p',
      'NEW boot',
      // Three generations, of which two are kept: the oldest goes, and the boot menu with it.
      'nix-env -p',
      'NEW boot',
    ])
    expect(machine.calls()[0]).toContain('update nixpkgs --flake path:')
    expect(profileOf(machine)).toBe('system-3-link')
  })

  test('tells by ntfy, webhook and e-mail, with what authenticates it', async () => {
    await using machine = await startMachine()
    await machine.run('update', 'inputs')
    const ntfy = machine.told.find(({ url }) => url === '/ntfy')
    expect(ntfy?.headers).toMatchObject({
      authorization: 'Bearer tk_secret',
      title: 'nixen updated (inputs)',
      priority: '2',
    })
    const hook = machine.told.find(({ url }) => url === '/hook')
    expect(JSON.parse(hook?.body ?? '')).toMatchObject({
      subject: 'nixen updated (inputs)',
      priority: 'success',
      version: 1,
    })
    const signed = createHmac('sha256', 'tk_secret').update(`${String(hook?.headers['nixen-timestamp'])}.${hook?.body}`)
    expect(hook?.headers['nixen-signature']).toBe(`v1=${signed.digest('hex')}`)
    const mail = readFileSync(join(machine.root, 'mail'), 'utf8')
    expect(mail).toMatch(/^From: nixen@example\.net\nTo: admin@example\.net\nSubject: =\?utf-8\?B\?/)
  })

  test('ends without a build when nothing is newer', async () => {
    await using machine = await startMachine()
    writeFileSync(join(machine.root, 'nothing-newer'), '')
    expect((await machine.run('update', 'nixen')).stdout).toContain('unchanged')
    expect(machine.calls()).toHaveLength(1)
    expectWhole(machine)
  })

  test('goes back when Nixen does not answer, and says so', async () => {
    await using machine = await startMachine({ patience: 1.5 })
    machine.answers = (system) => system === 'system-old'
    const { code, stdout } = await machine.run('update', 'nixpkgs')
    expect(code).toBe(1)
    expect(stdout).toMatch(
      /rolled-back\. Nixen did not answer at .* within 1\.5 s \(status 503\)\. The machine runs \S+system-old again/,
    )
    expectWhole(machine)
    expect(machine.running()).toBe('system-old')
    expect(machine.told.find(({ url }) => url === '/ntfy')?.headers).toMatchObject({ priority: '5' })
    expect(existsSync(join(machine.root, 'profiles/system-3-link'))).toBe(false)
  })

  test('puts the state from before back, when the old Nixen cannot start with what the newer one has made of it', async () => {
    await using machine = await startMachine({ patience: 3 })
    // The newer one migrates the database and does not answer; the older one refuses the database until it is put back.
    machine.answers = (system) =>
      system === 'system-old' &&
      (!machine.calls().some((call) => call.endsWith(' test')) ||
        machine.calls().some((call) => call.startsWith('restore')))
    const { stdout } = await machine.run('update', 'nixen', '--json')
    expect(JSON.parse(stdout)).toMatchObject({ outcome: 'rolled-back' })
    expect(stdout).not.toContain('does not answer either')
    expect(machine.calls().filter((call) => call.startsWith('restore'))).toHaveLength(1)
    expectWhole(machine)
  })

  test('that is at work is left alone by "recover"', async () => {
    await using machine = await startMachine()
    writeFileSync(join(machine.root, 'hold'), '')
    const update = machine.run('update', 'nixpkgs')
    await expect.poll(() => machine.journal(), { timeout: 60_000 }).toBe(true)
    expect(await machine.run('recover')).toMatchObject({ stdout: 'An update is at work: nothing to recover.\n' })
    expect((await machine.run('gc')).stderr).toContain('appliance.busy')
    rmSync(join(machine.root, 'hold'))
    expect((await update).code).toBe(0)
  })

  test.each([
    ['nix:before', 'failed', /The step "inputs" failed: .*nix ended with 9: nix was told to fail/],
    ['rebuild:before', 'failed', /The step "build" failed/],
    ['snapshot:before', 'failed', /The step "snapshot" failed.*Nothing of the machine was changed/],
    ['test:middle', 'rolled-back', /The step "activate" failed/],
    ['nix-env:middle', 'rolled-back', /The step "commit" failed/],
    ['boot:before', 'rolled-back', /The step "commit" failed/],
  ])('that fails at %s leaves the machine as it was: %s', async (point, outcome, message) => {
    await using machine = await startMachine()
    machine.failAt(point)
    const { code, stdout } = await machine.run('update', 'nixpkgs', '--json')
    const run = JSON.parse(stdout) as PastRun
    expect(code).toBe(1)
    expect(run.outcome).toBe(outcome)
    expect(run.message).toMatch(message)
    expectWhole(machine)
    expect(machine.running()).toBe('system-old')
  })

  // What one does with a machine that lost power, or whose updater was killed: it starts, and "recover" runs.
  test.each(isLong ? [...killPoints, ...furtherKillPoints] : killPoints)(
    'killed at %s is ended by "recover": the machine is whole, and %s',
    async (point, which) => {
      await using machine = await startMachine()
      machine.killAt(point)
      const killed = await machine.run('update', 'inputs')
      expect(killed.stdout).toBe('')
      // At no moment would a machine that loses power boot what has not answered.
      expect(which === 'new' || machine.boots() === 'system-old').toBe(true)
      const { code } = await machine.run('recover')
      expect(code).toBe(which === 'old' ? 1 : 0)
      expectWhole(machine)
      expect(machine.running() === 'system-old').toBe(which === 'old')
    },
  )

  test('takes the tracked files of a git repository only, and commits the new lock file', async () => {
    await using machine = await startMachine()
    const git = (...args: string[]): string =>
      execFileSync('git', ['-C', machine.flake, '-c', 'user.name=t', '-c', 'user.email=t@example.net', ...args], {
        encoding: 'utf8',
      })
    git('init', '-q')
    git('add', '.')
    git('commit', '-q', '-m', 'first')
    writeFileSync(join(machine.flake, 'secret'), 'password')
    // The candidate is looked at while it is there.
    machine.killAt('rebuild:after')
    await machine.run('update', 'nixpkgs')
    expect(existsSync(join(machine.root, 'state/candidate/flake.nix'))).toBe(true)
    expect(existsSync(join(machine.root, 'state/candidate/secret'))).toBe(false)
    await machine.run('recover')
    expect((await machine.run('update', 'nixpkgs')).code).toBe(0)
    expect(git('log', '--format=%s', '-1').trim()).toBe('flake.lock: nixpkgs')
    expect(git('status', '--porcelain').trim()).toBe('?? secret')
    expectWhole(machine)
  })

  test('leaves a lock file that somebody changed meanwhile', async () => {
    await using machine = await startMachine()
    machine.killAt('boot:before')
    await machine.run('update', 'nixpkgs')
    expect((await machine.run('update', 'inputs')).stderr).toContain('nixen appliance recover')
    writeFileSync(join(machine.flake, 'flake.lock'), '{"mine":true}\n')
    expect((await machine.run('recover')).stdout).toContain('flake.lock was changed meanwhile and is left as it is')
    expect(machine.lock()).toBe('{"mine":true}\n')
    expect((await machine.run('recover')).stdout).toContain('No update was interrupted')
  })

  test('refuses what it does not know, and a machine that has no updates', async () => {
    await using machine = await startMachine()
    expect((await machine.run('update', 'kernel')).stderr).toMatch(
      /no update "kernel".*configuration, inputs, nixpkgs, nixen/,
    )
    const config = readFileSync(machine.config, 'utf8')
    writeFileSync(machine.config, config.replace('/state"', '/flake/flake.nix/state"'))
    expect((await machine.run('update', 'nixen')).stderr).toMatch(
      /run the command with sudo.*appliance\.state_unusable/,
    )
    expect((await machine.run('history')).stderr).toMatch(/appliance\.state_unusable/)
    writeFileSync(machine.config, '{"version":1,"flake":"etc"}')
    expect((await machine.run('status')).stderr).toMatch(/appliance\.bad_config/)
    writeFileSync(machine.config, '')
    expect((await machine.run('history')).stderr).toMatch(/appliance\.bad_config/)
  })
})

describe('generations', () => {
  test('"rollback" goes to the one before, careful as an update', async () => {
    await using machine = await startMachine()
    expect((await machine.run('rollback')).code).toBe(0)
    expect(machine.running()).toBe('system-older')
    expect(machine.boots()).toBe('system-older')
    expect(profileOf(machine)).toBe('system-1-link')
    expect((await machine.run('rollback')).stderr).toContain('no generation before this one')
    expect((await machine.run('rollback', '--to', '9')).stderr).toContain('no generation 9. There are: 1, 2.')
  })

  test('"rollback" to one that does not answer comes back', async () => {
    await using machine = await startMachine({ patience: 1.5 })
    machine.answers = (system) => system === 'system-old'
    expect((await machine.run('rollback')).code).toBe(1)
    expectWhole(machine)
    expect(profileOf(machine)).toBe('system-2-link')
  })

  test('"gc" keeps what runs, boots and was booted', async () => {
    await using machine = await startMachine()
    await machine.run('update', 'inputs')
    expect((await machine.run('gc', '--keep', '1', '--dry-run')).stdout).toBe('Would remove generations 1.\n')
    expect(existsSync(join(machine.root, 'profiles/system-1-link'))).toBe(true)
    expect((await machine.run('gc', '--keep', '1')).stdout).toBe('Removed generations 1.\n')
    // 2 was booted: after a restart it may go.
    expect(existsSync(join(machine.root, 'profiles/system-2-link'))).toBe(true)
    expect(machine.calls().at(-1)).toBe('nix store gc')
  })

  test('"status" and "history" say what was and what is', async () => {
    await using machine = await startMachine()
    await machine.run('update', 'nixpkgs')
    const { code, stdout } = await machine.run('status', '--json')
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      healthy: true,
      generation: 3,
      interrupted: null,
      last: { nixpkgs: { outcome: 'updated' }, nixen: null },
    })
    expect((await machine.run('history')).stdout).toMatch(/WHEN +UPDATE +OUTCOME +MESSAGE\n.*nixpkgs +updated/)
    machine.answers = () => false
    const sick = await machine.run('status')
    expect(sick.code).toBe(3)
    expect(sick.stdout).toContain('does not answer (status 503)')
  })
})
