import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { root, run, scratch, type Ran } from './nix.ts'

const scripts = `${root}nix/scripts`

/** A folder with stand-ins for programs, and what a script did in it. */
interface Sandbox extends Disposable {
  readonly path: string
  at(name: string): string
  write(name: string, text: string): string
  /** A program on the PATH; `@` in the text is the folder. */
  program(name: string, text: string): void
  script(name: string, args?: readonly string[], env?: Readonly<Record<string, string>>, input?: string): Promise<Ran>
  calls(): readonly string[]
}

function sandbox(): Sandbox {
  const folder = scratch()
  const at = (name: string): string => join(folder.path, name)
  mkdirSync(at('bin'))
  mkdirSync(at('home/.ssh'), { recursive: true })
  writeFileSync(at('calls'), '')
  return {
    path: folder.path,
    at,
    write(name, text) {
      writeFileSync(at(name), text)
      return at(name)
    },
    program(name, text) {
      const head = `#!/usr/bin/env bash\nset -euo pipefail\necho "${name} $*" >> '${at('calls')}'\n`
      writeFileSync(at(`bin/${name}`), head + text.replaceAll('@', folder.path))
      chmodSync(at(`bin/${name}`), 0o755)
    },
    script: async (name, args = [], env = {}, input = '') =>
      await run('bash', [`${scripts}/${name}.sh`, ...args], {
        cwd: folder.path,
        env: {
          PATH: `${at('bin')}:${process.env['PATH'] ?? ''}`,
          HOME: at('home'),
          LC_ALL: 'C',
          GIT_CONFIG_GLOBAL: '/dev/null',
          ...env,
        },
        input,
      }),
    calls: () => readFileSync(at('calls'), 'utf8').trim().split('\n').filter(Boolean),
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  }
}

describe('the backup of the state', () => {
  const rig = (keep = '2'): { box: Sandbox; env: Record<string, string> } => {
    const box = sandbox()
    mkdirSync(box.at('backups'))
    box.program('nixen', 'mkdir "$3"; echo state > "$3/db.sqlite"')
    const env = {
      NIXEN: box.at('bin/nixen'),
      NIXEN_STATE_DIR: box.at('state'),
      NIXEN_BACKUP_DIRECTORY: box.at('backups'),
      NIXEN_BACKUP_KEEP: keep,
    }
    return { box, env }
  }

  test('keeps the newest, removes older ones only after a new one is whole, and leaves what is not its own', async () => {
    const { box, env } = rig()
    using _ = box
    for (const name of [
      'nixen-2020-01-01T000000Z',
      'nixen-2021-01-01T000000Z',
      'pre-update-2020-01-01T000000Z',
      'mine',
    ])
      mkdirSync(box.at(`backups/${name}`))
    mkdirSync(box.at('backups/nixen-2022-01-01T000000Z.new'))
    expect(await box.script('state-backup', ['--config', 'x'], env)).toMatchObject({ code: 0 })
    expect(box.calls()[0]).toMatch(/^nixen state backup \S+\/nixen-\S+Z\.new --config x$/)
    const left = readdirSync(box.at('backups')).toSorted()
    expect(left.map((name) => name.replace(/20(?!2[01]).{16}/, 'NOW'))).toEqual([
      'mine',
      'nixen-2021-01-01T000000Z',
      'nixen-NOW',
      'pre-update-2020-01-01T000000Z',
    ])
  })

  test('that fails removes nothing', async () => {
    const { box, env } = rig('1')
    using _ = box
    mkdirSync(box.at('backups/nixen-2020-01-01T000000Z'))
    box.program('nixen', 'mkdir "$3"; exit 7')
    expect(await box.script('state-backup', [], env)).toMatchObject({ code: 7 })
    expect(readdirSync(box.at('backups'))).toContain('nixen-2020-01-01T000000Z')
    expect(await box.script('state-backup', [], { ...env, NIXEN_BACKUP_KEEP: 'all' })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('not a number'),
    })
  })

  test('of PostgreSQL is a dump that can be listed, with the keys', async () => {
    const { box, env } = rig()
    using _ = box
    mkdirSync(box.at('state/keys'), { recursive: true })
    box.write('state/keys/master.key', 'key')
    box.program('pg_dump', 'while [[ $1 != --file ]]; do shift; done; echo dump > "$2"')
    box.program('pg_restore', 'grep -q dump "$2"')
    expect(await box.script('state-backup', [], { ...env, NIXEN_BACKUP_POSTGRES: 'nixen' })).toMatchObject({ code: 0 })
    const [made = ''] = readdirSync(box.at('backups'))
    expect(readFileSync(box.at(`backups/${made}/keys/master.key`), 'utf8')).toBe('key')
  })
})

describe('before a switch', () => {
  const quiet = (box: Sandbox, active: boolean): void => box.program('systemctl', active ? 'exit 0' : 'exit 3')

  test('files that are missing or empty are named with their option', async () => {
    using box = sandbox()
    quiet(box, true)
    const there = box.write('there.pem', 'x')
    const empty = box.write('empty.pem', '')
    const files = `services.nixen.tls.certificateFile ${there}\nservices.nixen.tls.keyFile ${box.at('gone.pem')}\nservices.nixen.database.urlFile ${empty}\n`
    const { code, stderr } = await box.script('pre-switch', [], { NIXEN_FILES: files })
    expect(code).toBe(1)
    expect(stderr.trim().split('\n')).toEqual([
      `nixen: services.nixen.tls.keyFile is ${box.at('gone.pem')}, and there is no such file. Put it there, or change the option.`,
      `nixen: services.nixen.database.urlFile is ${empty}, and that file is empty.`,
    ])
  })

  test('a port that another program has is named with its option, unless it is Nixen that has it', async () => {
    using box = sandbox()
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    // `ss` is not on every machine; what it says is what the kernel says.
    box.program('ss', `echo 'LISTEN 0 511 127.0.0.1:${port} 0.0.0.0:* users:(("node",pid=1,fd=2))'`)
    const ports = { NIXEN_PORTS: `services.nixen.settings.server.port ${port}\n` }
    quiet(box, false)
    const refused = await box.script('pre-switch', [], ports)
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain(`services.nixen.settings.server.port wants port ${port}, which is in use`)
    quiet(box, true)
    expect(await box.script('pre-switch', [], ports)).toMatchObject({ code: 0 })
    server.close()
    await once(server, 'close')
  })
})

/** libvirt as far as the scripts speak to it: domains are files, of which the first line is the state. */
const virsh = `
shift 3
case $1 in
  domstate) [[ -e @/domains/$2 ]] || exit 1; cat "@/domains/$2" ;;
  define) name=$(sed -n 's:.*<name>\\(.*\\)</name>.*:\\1:p' "$2" | tee >(true)); exit 0 ;;
  metadata) cat "@/metadata/$2" 2> /dev/null || exit 1 ;;
  start) echo running > "@/domains/$2" ;;
  shutdown) [[ -e @/stubborn ]] || echo "shut off" > "@/domains/$2" ;;
  list) ls "@/domains" ;;
  undefine) rm "@/domains/$2" ;;
  pool-dumpxml) cat "@/pool.xml" 2> /dev/null || exit 1 ;;
  pool-define) cp "$2" @/pool.xml ;;
  pool-info) echo "State:          inactive" ;;
esac
`

describe('a declared domain', () => {
  function rig(): { box: Sandbox; env: Record<string, string> } {
    const box = sandbox()
    for (const folder of ['domains', 'metadata', 'pool']) mkdirSync(box.at(folder))
    box.program(
      'virsh',
      virsh.replace(
        / {2}define\).*/,
        '  define) cat "$2" > @/defined.xml; [[ -e @/domains/web ]] || echo "shut off" > @/domains/web ;;',
      ),
    )
    box.program('nix-store', 'exit 0')
    const xml = box.write(
      'web.xml',
      "<domain type='kvm'>\n  <name>web</name>\n  <metadata>\n    <vm xmlns='urn:nixen:vm:1'>\n      <tag>declared</tag>\n    </vm>\n  </metadata>\n</domain>\n",
    )
    const base = box.at('base.qcow2')
    execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', base, '8M'])
    const env = {
      NIXEN_URI: 'qemu:///system',
      NIXEN_DOMAIN: 'web',
      NIXEN_OPTION: 'virtualisation.nixen.domains.web',
      NIXEN_XML: xml,
      NIXEN_ON_CHANGE: 'keep',
      NIXEN_SHUTDOWN_TIMEOUT: '1',
      NIXEN_DISKS: `root ${box.at('pool/web-root.qcow2')} 16M ${base}\ndata ${box.at('pool/web-data.qcow2')} 4M -\n`,
    }
    return { box, env }
  }
  const info = (path: string): { 'virtual-size': number; 'backing-filename'?: string } =>
    JSON.parse(execFileSync('qemu-img', ['info', '--output=json', path], { encoding: 'utf8' })) as never

  test('gets an overlay of its base and empty disks, is defined and started; once more changes nothing', async () => {
    const { box, env } = rig()
    using _ = box
    expect(await box.script('domain', ['up'], env)).toMatchObject({ code: 0, stderr: '' })
    expect(info(box.at('pool/web-root.qcow2'))).toMatchObject({
      'virtual-size': 16 << 20,
      'backing-filename': box.at('base.qcow2'),
    })
    expect(info(box.at('pool/web-data.qcow2'))).toMatchObject({ 'virtual-size': 4 << 20 })
    expect(readFileSync(box.at('domains/web'), 'utf8')).toBe('running\n')
    const before = readFileSync(box.at('pool/web-root.qcow2'))
    expect(await box.script('domain', ['up'], env)).toMatchObject({ code: 0 })
    expect(readFileSync(box.at('pool/web-root.qcow2')).equals(before)).toBe(true)
    expect(box.calls().filter((call) => call.includes(' start '))).toHaveLength(1)
  })

  test('grows a disk while it is off, and never makes one smaller', async () => {
    const { box, env } = rig()
    using _ = box
    await box.script('domain', ['up'], env)
    await box.script('domain', ['down'], env)
    const larger = { ...env, NIXEN_DISKS: env['NIXEN_DISKS']?.replace('4M', '6M').replace('16M', '8M') ?? '' }
    const { stdout } = await box.script('domain', ['up'], larger)
    expect(info(box.at('pool/web-data.qcow2'))['virtual-size']).toBe(6 << 20)
    expect(info(box.at('pool/web-root.qcow2'))['virtual-size']).toBe(16 << 20)
    expect(stdout).toContain('disks.root.size is 8M; the disk has 16777216 bytes and is not made smaller')
  })

  test('whose base image is gone is not started, and says how to get it back', async () => {
    const { box, env } = rig()
    using _ = box
    await box.script('domain', ['up'], env)
    await box.script('domain', ['down'], env)
    const overlay = readFileSync(box.at('pool/web-root.qcow2'))
    rmSync(box.at('base.qcow2'))
    const { code, stderr } = await box.script('domain', ['up'], env)
    expect(code).toBe(1)
    expect(stderr).toContain(
      `virtualisation.nixen.domains.web.disks.root: ${box.at('pool/web-root.qcow2')} is an overlay of ${box.at('base.qcow2')}, and that is gone. Bring it back`,
    )
    expect(readFileSync(box.at('pool/web-root.qcow2')).equals(overlay)).toBe(true)
    expect(readFileSync(box.at('domains/web'), 'utf8')).toBe('shut off\n')
    // Nor is a new one begun without it.
    rmSync(box.at('pool/web-root.qcow2'))
    expect((await box.script('domain', ['up'], env)).stderr).toContain(
      'virtualisation.nixen.domains.web.base: its image',
    )
  })

  test('whose disk is damaged is left alone', async () => {
    const { box, env } = rig()
    using _ = box
    writeFileSync(box.at('pool/web-root.qcow2'), 'QFI\u00FBnot really')
    const { code, stderr } = await box.script('domain', ['up'], env)
    expect(code).toBe(1)
    expect(stderr).toContain('virtualisation.nixen.domains.web.disks.root')
    expect(readFileSync(box.at('pool/web-root.qcow2'), 'utf8')).toBe('QFI\u00FBnot really')
  })

  test('keeps what Nixen keeps with it when its definition changes', async () => {
    const { box, env } = rig()
    using _ = box
    box.write(
      'metadata/web',
      '<nixen:vm xmlns:nixen="urn:nixen:vm:1">\n  <nixen:tag>declared</nixen:tag><nixen:tag>gold &amp; more</nixen:tag>\n  <nixen:blocked name="delete">It is declared in the configuration of the host (x). Change it there.</nixen:blocked>\n  <nixen:blocked name="start">on holiday</nixen:blocked>\n  <nixen:field name="declared">x</nixen:field><nixen:lineage>L1</nixen:lineage>\n</nixen:vm>\n',
    )
    await box.script('domain', ['change'], env)
    const defined = readFileSync(box.at('defined.xml'), 'utf8').replaceAll(/>\s+</g, '><')
    expect(defined).toContain(
      '<vm xmlns=\'urn:nixen:vm:1\'><tag>gold &amp; more</tag><blocked name="start">on holiday</blocked><lineage>L1</lineage><tag>declared</tag></vm>',
    )
  })

  test('that does not shut down is left running, and says so', async () => {
    const { box, env } = rig()
    using _ = box
    await box.script('domain', ['up'], env)
    box.write('stubborn', '')
    const { code, stderr } = await box.script('domain', ['down'], env)
    expect(code).toBe(1)
    expect(stderr).toContain('web has not shut down within 1 s and is left running')
    expect(box.calls().some((call) => call.includes('destroy'))).toBe(false)
  })

  test('that is declared no more is forgotten when it is off; others are left alone', async () => {
    using box = sandbox()
    for (const folder of ['domains', 'metadata']) mkdirSync(box.at(folder))
    box.program('virsh', virsh)
    for (const [name, state] of Object.entries({ web: 'shut off', old: 'shut off', busy: 'running', mine: 'shut off' }))
      box.write(`domains/${name}`, `${state}\n`)
    for (const name of ['web', 'old', 'busy'])
      box.write(`metadata/${name}`, `<vm><field name="declared">virtualisation.nixen.domains.${name}</field></vm>`)
    const { code, stdout } = await box.script('forget', [], { NIXEN_URI: 'qemu:///system', NIXEN_DECLARED: 'web' })
    expect(code).toBe(0)
    expect(readdirSync(box.at('domains')).toSorted()).toEqual(['busy', 'mine', 'web'])
    expect(stdout).toContain('busy is declared no more, and still runs')
  })

  test('a pool whose path was changed is refused rather than moved', async () => {
    using box = sandbox()
    box.program('virsh', virsh)
    const env = {
      NIXEN_URI: 'qemu:///system',
      NIXEN_POOL: 'fast',
      NIXEN_POOL_XML: box.write('new.xml', '<pool><target><path>/srv/a</path></target></pool>'),
    }
    expect(await box.script('pool', [], env)).toMatchObject({ code: 0 })
    expect(box.calls().some((call) => call.includes('pool-start fast'))).toBe(true)
    box.write('new.xml', '<pool><target><path>/srv/b</path></target></pool>')
    expect((await box.script('pool', [], env)).stderr).toContain(
      'virtualisation.nixen.pools.fast.path is /srv/b, and libvirt knows the pool at /srv/a',
    )
  })
})

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

describe('after an update that was taken back', () => {
  function rig(): { box: Sandbox; env: Record<string, string> } {
    const box = sandbox()
    for (const folder of ['state', 'backups/pre-update-2026-01-01T000000Z', 'backups/pre-update-2026-02-01T000000Z'])
      mkdirSync(box.at(folder), { recursive: true })
    box.write('state/db.sqlite', 'newer')
    box.write('backups/pre-update-2026-02-01T000000Z/nixen-state.json', '{}')
    box.program('nixen', 'mkdir "$5"; echo "from $3" > "$5/db.sqlite"')
    box.program('systemctl', '')
    return {
      box,
      env: { NIXEN: box.at('bin/nixen'), NIXEN_STATE_DIR: box.at('state'), NIXEN_BACKUP_DIRECTORY: box.at('backups') },
    }
  }

  test('the newest copy from before takes the place of the state, which is kept aside', async () => {
    const { box, env } = rig()
    using _ = box
    expect(await box.script('return-state', [], env)).toMatchObject({ code: 0 })
    expect(readFileSync(box.at('state/db.sqlite'), 'utf8')).toContain('pre-update-2026-02-01T000000Z')
    const aside = readdirSync(box.path).find((name) => name.startsWith('state.after-update-')) ?? ''
    expect(readFileSync(box.at(`${aside}/db.sqlite`), 'utf8')).toBe('newer')
    expect(box.calls().map((call) => call.split(' ').slice(0, 2).join(' '))).toEqual([
      'nixen state',
      'systemctl stop',
      'systemctl reset-failed',
      'systemctl start',
    ])
  })

  test("a copy that is damaged or missing takes nobody's place", async () => {
    const { box, env } = rig()
    using _ = box
    box.program('nixen', 'exit 5')
    expect(await box.script('return-state', [], env)).toMatchObject({ code: 5 })
    rmSync(box.at('backups'), { recursive: true })
    mkdirSync(box.at('backups'))
    expect((await box.script('return-state', [], env)).stderr).toContain(
      'There is no copy of the state from before the update',
    )
    expect(readFileSync(box.at('state/db.sqlite'), 'utf8')).toBe('newer')
    expect(box.calls().some((call) => call.startsWith('systemctl'))).toBe(false)
  })
})
