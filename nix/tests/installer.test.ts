import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { root } from './nix.ts'
import { sandbox, type Sandbox } from './sandbox.ts'

describe('the installer', () => {
  function rig(): { box: Sandbox; env: Record<string, string>; folder: string } {
    const box = sandbox()
    box.write('home/.ssh/id_ed25519.pub', 'ssh-ed25519 AAAAC3Nz+/= me@example.net\n')
    box.program('nixos-generate-config', 'echo \'{ fileSystems."/".device = "/dev/vda"; }\'')
    box.program('nixos-rebuild', 'if [[ $1 == build ]]; then mkdir -p @/system; ln -sfn @/system result; fi')
    box.program(
      'nix',
      'if [[ " $* " == *" lock "* ]]; then [[ ! -e @/no-network ]]; folder=${*: -1}; echo "{}" > "${folder#path:}/flake.lock"; fi',
    )
    box.program('sudo', '"$@"')
    const env = {
      NIXEN_TEMPLATE: `${root}nix/templates/appliance`,
      NIXEN_CURRENT: box.at('running'),
      NIXEN_ASK_STDIN: '1',
      NIXEN_OS_RELEASE: box.write('os-release', 'VERSION_ID="26.05"\n'),
    }
    mkdirSync(box.at('running'))
    return { box, env, folder: box.at('config') }
  }
  const args = ['--nixen', 'git+https://git.example.net/nixen', '--host', 'box']

  test('shows what it will do, asks, makes the configuration, and switches', async () => {
    const { box, env, folder } = rig()
    using _ = box
    const { code, stdout, stderr } = await box.script('install', [...args, folder], env, 'y\ny\n')
    expect({ code, stderr }).toMatchObject({ code: 0 })
    expect(stdout).toContain('make   configuration.nix')
    const made = readFileSync(join(folder, 'configuration.nix'), 'utf8')
    expect(made).toContain('networking.hostName = "box"')
    expect(made).toContain('"ssh-ed25519 AAAAC3Nz+/= me@example.net"')
    expect(made + readFileSync(join(folder, 'flake.nix'), 'utf8')).not.toMatch(/@[A-Z_]+@/)
    expect(execFileSync('git', ['-C', folder, 'ls-files'], { encoding: 'utf8' }).trim().split('\n')).toEqual([
      'configuration.nix',
      'flake.lock',
      'flake.nix',
      'hardware-configuration.nix',
    ])
    expect(box.calls().at(-1)).toBe(`nixos-rebuild switch --flake ${folder}#box`)
  })

  test('once more changes nothing, and keeps what somebody wrote', async () => {
    const { box, env, folder } = rig()
    using _ = box
    await box.script('install', [...args, '--yes', folder], env)
    const mine = `${readFileSync(join(folder, 'configuration.nix'), 'utf8')}# mine\n`
    writeFileSync(join(folder, 'configuration.nix'), mine)
    const { code, stdout } = await box.script('install', [...args, '--yes', folder], env)
    expect(code).toBe(0)
    expect(stdout).toContain('KEEP   configuration.nix')
    expect(stdout).toContain('-# mine')
    expect(readFileSync(join(folder, 'configuration.nix'), 'utf8')).toBe(mine)
  })

  test.each([
    ['--dry-run', 0, 'Nothing was changed (--dry-run).'],
    ['n', 1, ''],
  ])('changes nothing with %s', async (how, code, says) => {
    const { box, env, folder } = rig()
    using _ = box
    const ran = await box.script('install', [...args, ...(how.startsWith('--') ? [how] : []), folder], env, `${how}\n`)
    expect(ran.code).toBe(code)
    expect(ran.stdout).toContain(says)
    expect(existsSync(folder)).toBe(false)
    expect(box.calls().some((call) => call.includes('switch'))).toBe(false)
  })

  test('refuses a flake that is not its own, a name that is none, and a machine without a key', async () => {
    const { box, env, folder } = rig()
    using _ = box
    mkdirSync(folder)
    writeFileSync(join(folder, 'flake.nix'), '{ outputs = _: { }; }\n')
    expect((await box.script('install', [...args, folder], env)).stderr).toContain(
      "is not Nixen's and is left as it is",
    )
    expect((await box.script('install', ['--nixen', 'git+https://x', '--host', 'a b', folder], env)).stderr).toContain(
      'no name for a machine',
    )
    rmSync(join(folder, 'flake.nix'))
    expect((await box.script('install', ['--host', 'box', folder], env)).stderr).toContain('--nixen FLAKE')
    expect((await box.script('install', ['--nixen', 'x"; evil', '--host', 'box', folder], env)).stderr).toContain(
      'is not the address of a flake',
    )
    writeFileSync(box.at('home/.ssh/id_ed25519.pub'), '-----BEGIN OPENSSH PRIVATE KEY-----\n')
    expect((await box.script('install', [...args, folder], env)).stderr).toContain(
      'does not begin with a public SSH key',
    )
    rmSync(box.at('home/.ssh/id_ed25519.pub'))
    expect((await box.script('install', [...args, folder], env)).stderr).toContain('no public SSH key')
    expect(readdirSync(folder)).toEqual([])
  })

  test('whose network fails keeps what was made and goes on from there', async () => {
    const { box, env, folder } = rig()
    using _ = box
    box.write('no-network', '')
    expect((await box.script('install', [...args, '--yes', folder], env)).stderr).toContain('could not be pinned')
    rmSync(box.at('no-network'))
    expect(await box.script('install', [...args, '--yes', folder], env)).toMatchObject({ code: 0 })
  })

  test('apply, diff and history work on what it made', async () => {
    const { box, env, folder } = rig()
    using _ = box
    await box.script('install', [...args, '--yes', folder], env)
    const more = {
      ...env,
      NIXEN_HOST: 'box',
      NIXEN_APPLIANCE: box.at('none'),
      GIT_AUTHOR_NAME: 't',
      GIT_AUTHOR_EMAIL: 't@x',
      GIT_COMMITTER_NAME: 't',
      GIT_COMMITTER_EMAIL: 't@x',
    }
    writeFileSync(
      join(folder, 'configuration.nix'),
      `${readFileSync(join(folder, 'configuration.nix'), 'utf8')}# more\n`,
    )
    const shown = await box.script('diff', [folder], more)
    expect(shown.stdout).toContain('configuration.nix | 1 +')
    expect(shown.stdout).toContain('The machine would go from')
    const refused = await box.script('apply', [folder], more, 'n\n')
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('Nothing was changed') })
    expect(await box.script('apply', ['--yes', '-m', 'more of it', folder], more)).toMatchObject({ code: 0 })
    expect((await box.script('history', [folder], more)).stdout).toContain('more of it')
    expect((await box.script('diff', [box.at('nowhere')], more)).stderr).toContain('There is no flake.nix in')
    // On a machine that updates itself, the switch is an update.
    box.write('appliance.json', '{}')
    box.program('nixen', '')
    await box.script('apply', ['--yes', folder], { ...more, NIXEN_APPLIANCE: box.at('appliance.json') })
    expect(box.calls().at(-1)).toBe('nixen appliance update configuration')
  })
})
