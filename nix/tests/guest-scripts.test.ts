import { chmodSync, existsSync, mkdirSync, readFileSync, readlinkSync, rmSync, symlinkSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { run, type Ran } from './nix.ts'
import { sandbox, scripts, type Sandbox } from './sandbox.ts'

describe('a guest', () => {
  const told = '/nix/store/0123456789abcdfghijklmnpqrsvwxyz-nixos-system-web'

  function rig(): { box: Sandbox; env: Record<string, string>; state: () => string[] } {
    const box = sandbox()
    for (const name of ['seed/cache', 'systems/base/bin', 'systems/web/bin'])
      mkdirSync(box.at(name), { recursive: true })
    for (const name of ['base', 'web']) {
      box.write(`systems/${name}/kernel`, name)
      box.write(
        `systems/${name}/bin/switch-to-configuration`,
        `#!/bin/sh\necho "${name} $1" >> "${box.at('calls')}"\n[ ! -e "${box.at(`fail-${name}`)}" ]\n`,
      )
      chmodSync(box.at(`systems/${name}/bin/switch-to-configuration`), 0o755)
    }
    symlinkSync(box.at('systems/base'), box.at('current'))
    symlinkSync(box.at('systems/base'), box.at('booted'))
    box.program('nix', '[[ ! -e @/no-copy ]]')
    box.program('nix-env', 'ln -sfn "$4" "$2"')
    box.program('systemctl', '')
    // The script takes paths of the store only; where those are is the machine's business.
    const script = readFileSync(`${scripts}/guest-bootstrap.sh`, 'utf8').replace(
      'system=$told',
      `system=${box.at('systems/web')}`,
    )
    box.write('bootstrap.sh', script)
    box.write('seed/system', `${told}\n`)
    const env = {
      NIXEN_SEED: box.at('seed'),
      NIXEN_STATE: box.at('state'),
      NIXEN_TRIES: '3',
      NIXEN_REBOOT: '1',
      NIXEN_PROFILE: box.at('profile'),
      NIXEN_CURRENT: box.at('current'),
      NIXEN_BOOTED: box.at('booted'),
    }
    return { box, env, state: () => readFileSync(box.at('state'), 'utf8').trim().split('\n') }
  }
  const bootstrap = async (box: Sandbox, env: Record<string, string>): Promise<Ran> =>
    await run('bash', [box.at('bootstrap.sh')], {
      env: { ...env, PATH: `${box.at('bin')}:${process.env['PATH'] ?? ''}` },
    })

  test('becomes what its seed says: tried first, then what boots, then a restart for the kernel', async () => {
    const { box, env, state } = rig()
    using _ = box
    expect(await bootstrap(box, env)).toMatchObject({ code: 0 })
    expect(box.calls()).toEqual([
      `nix --extra-experimental-features nix-command copy --no-check-sigs --from file://${box.at('seed')}/cache ${told}`,
      'web test',
      `nix-env -p ${box.at('profile')} --set ${box.at('systems/web')}`,
      'web boot',
      'systemctl --no-block reboot',
    ])
    expect(state()).toEqual([told, '1', 'done'])
    await bootstrap(box, env)
    expect(box.calls()).toHaveLength(5)
  })

  test('tries three times, then stays what it was until it is told something else', async () => {
    const { box, env, state } = rig()
    using _ = box
    box.write('fail-web', '')
    expect(await bootstrap(box, env)).toMatchObject({ code: 1 })
    expect(await bootstrap(box, env)).toMatchObject({ code: 1 })
    // Not a failure any more: there is nothing that systemd should try again.
    expect(await bootstrap(box, env)).toMatchObject({ code: 0, stderr: expect.stringContaining('Try 3 of 3') })
    expect(state()).toEqual([told, '3', 'failed'])
    expect(box.calls().filter((call) => call === 'base test')).toHaveLength(3)
    expect(existsSync(box.at('profile'))).toBe(false)
    const count = box.calls().length
    expect((await bootstrap(box, env)).stderr).toContain('was tried 3 times')
    expect(box.calls()).toHaveLength(count)
    rmSync(box.at('fail-web'))
    box.write('seed/system', `${told}2\n`)
    expect(await bootstrap(box, env)).toMatchObject({ code: 0 })
    expect(readlinkSync(box.at('profile'))).toBe(box.at('systems/web'))
  })

  test('counts a try that took the whole guest with it', async () => {
    const { box, env } = rig()
    using _ = box
    box.write('systems/web/bin/switch-to-configuration', '#!/bin/sh\nkill -9 $PPID\n')
    for (let n = 0; n < 3; n++) expect((await bootstrap(box, env)).code).not.toBe(0)
    expect(await bootstrap(box, env)).toMatchObject({ code: 0, stderr: expect.stringContaining('was tried 3 times') })
    expect(existsSync(box.at('profile'))).toBe(false)
  })

  test('stays what it is when the seed is nonsense, or nobody told it anything', async () => {
    const { box, env } = rig()
    using _ = box
    box.write('seed/system', '/etc/passwd; rm -rf /\n')
    expect(await bootstrap(box, env)).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('is no path of the store'),
    })
    rmSync(box.at('seed/system'))
    expect(await bootstrap(box, env)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('Nobody told this guest'),
    })
    expect(box.calls()).toEqual([])
  })
})
