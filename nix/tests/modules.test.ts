import { globSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { runInNewContext } from 'node:vm'
import { beforeAll, describe, expect, test } from 'vitest'
import { loadConfig, settingKeys } from '../../packages/server/src/index.ts'
import { readApplianceConfig } from '../../packages/cli/src/appliance/config.ts'
import { vmCan } from '@nixen/api'
import { readMetadata } from '../../packages/providers/src/libvirt/metadata.ts'
import { parseXml } from '@nixen/libvirt'
import { evaluate, evaluateCases, expectGolden, nixpkgs, root, run, scratch, withoutHashes } from './nix.ts'

interface Case {
  readonly problems: readonly string[]
  readonly warnings: readonly string[]
  readonly files: Readonly<Record<string, string>>
  readonly values: unknown
}

/** Cases by name. */
let cases: Readonly<Record<string, Case>> = {}
const names = globSync('nix/tests/cases/*.nix', { cwd: root })
  .map((file) => file.slice('nix/tests/cases/'.length, -'.nix'.length))
  .toSorted()
beforeAll(async () => {
  cases = await evaluateCases()
})
const caseOf = (name: string): Case => {
  const found = cases[name]
  if (!found) throw new Error(`no case ${name}`)
  return found
}
const file = (name: string, path: string): string => caseOf(name).files[path] ?? ''

describe.each(names)('%s', (name) => {
  test('evaluates, without a complaint', () => {
    expect(caseOf(name)).toMatchObject({ problems: [], warnings: [] })
  })

  test.skipIf(nixpkgs !== undefined)('makes the text that is committed', () => {
    const { files, values } = caseOf(name)
    expect(Object.keys(files).length).toBeGreaterThan(0)
    for (const [path, text] of Object.entries(files)) expectGolden(`${name}/${path}`, text)
    expectGolden(`${name}/values.json`, `${JSON.stringify(values, undefined, 2)}\n`)
  })

  test.skipIf(nixpkgs !== undefined)('makes units that systemd takes', async () => {
    using folder = scratch()
    const units = Object.entries(caseOf(name).files).filter(([path]) =>
      /\.(service|timer|socket|mount|automount)$/.test(path),
    )
    for (const [path, text] of units) writeFileSync(join(folder.path, path), runnable(text))
    // What others bring.
    const others = [
      'libvirtd.service',
      'postgresql.target',
      'acme-nixen.example.net.service',
      'nix-daemon.socket',
      'time-sync.target',
    ]
    for (const other of others) {
      const body = other.endsWith('.service')
        ? '[Service]\nType=oneshot\nExecStart=/bin/true\n'
        : other.endsWith('.socket')
          ? '[Socket]\nListenStream=/run/x\n'
          : ''
      writeFileSync(join(folder.path, other), `[Unit]\nDescription=other\n${body}`)
      if (other.endsWith('.socket'))
        writeFileSync(join(folder.path, other.replace('.socket', '.service')), '[Service]\nExecStart=/bin/true\n')
    }
    const paths = units.map(([path]) => join(folder.path, path))
    const { stderr, stdout } = await run('systemd-analyze', ['verify', '--man=no', '--recursive-errors=no', ...paths])
    const said = `${stderr}${stdout}`.split('\n').filter((line) => line.includes(folder.path) || /nixen/.test(line))
    expect(said).toEqual([])
  })
})

/** With programs that this machine has: what systemd is asked is whether the unit is one. */
function runnable(text: string): string {
  return (
    text
      .replaceAll(/^(Exec(?:Start|Stop|Reload)=)\S+/gm, '$1/bin/true')
      .replaceAll(/^ExecSearchPath=.*\n/gm, '')
      // NixOS writes these for its own switch program.
      .replaceAll(/^X-.*\n/gm, '')
  )
}

describe('the server', () => {
  test.each(['appliance-minimal', 'appliance-full'])('reads the TOML of %s', (name) => {
    using folder = scratch()
    const path = join(folder.path, 'nixen.toml')
    writeFileSync(path, file(name, 'nixen.toml'))
    const { values, located } = loadConfig({ file: path })
    expect(values['server.port']).toBe(443)
    expect(located['server.port'].source).toBe('file')
  })

  test('is told by the module all that it can be told, and nothing else', async () => {
    const { stdout } = await evaluate(
      `builtins.attrNames (builtins.fromJSON (builtins.readFile ${root}nix/lib/settings.json))`,
    )
    expect(JSON.parse(stdout)).toEqual(settingKeys.toSorted())
  })

  test('reads any text that TOML can hold as it was written', async () => {
    const texts = ['"', '\\', 'ä€😀', '\t', 'a\nb', '# no', '[x]', "''", '\u0001', '${x}']
    using folder = scratch()
    const given = join(folder.path, 'texts.json')
    writeFileSync(given, JSON.stringify(texts))
    const { stdout, code } = await evaluate(
      `(import ${root}nix/lib { lib = import ${root}nix/tests/lib; }).toml.render { tls.names = builtins.fromJSON (builtins.readFile ${given}); }`,
    )
    expect(code).toBe(0)
    const path = join(folder.path, 'nixen.toml')
    const text = JSON.parse(stdout) as string
    writeFileSync(path, text)
    expect(loadConfig({ file: path }).values['tls.names']).toEqual(texts)
  })
})

test('the command reads the file that the module writes for it', () => {
  using folder = scratch()
  const path = join(folder.path, 'appliance.json')
  writeFileSync(path, file('appliance-full', 'appliance.json'))
  const config = readApplianceConfig(path)
  expect(config.kinds['nixpkgs']).toEqual({ inputs: ['nixpkgs'], keepGenerations: 3 })
  expect(config.health.url).toBe('https://127.0.0.1:443/healthz')
})

describe.skipIf(nixpkgs !== undefined)('the service', () => {
  test('may ask systemd for the mounts that are declared, and for nothing else', () => {
    // The case has made it.
    const { polkit } = caseOf('appliance-full').values as { readonly polkit: string }
    let rule: (action: object, subject: object) => unknown = () => undefined
    const polkitd = { addRule: (given: typeof rule) => (rule = given), Result: { YES: 'yes' } }
    runInNewContext(polkit, { polkit: polkitd })
    const asks = (user: string, unit: string, verb: string, id = 'org.freedesktop.systemd1.manage-units'): unknown =>
      rule({ id, lookup: (key: string) => ({ unit, verb })[key] }, { user })
    expect(asks('nixen', 'mnt-nixen-nas\\x2d1.mount', 'restart')).toBe('yes')
    expect(asks('nixen', 'mnt-nixen-office.mount', 'start')).toBe('yes')
    for (const refused of [
      asks('nixen', 'sshd.service', 'stop'),
      asks('nixen', 'mnt-nixen-other.mount', 'start'),
      asks('nixen', 'mnt-nixen-office.mount', 'kill'),
      asks('nobody', 'mnt-nixen-office.mount', 'start'),
      asks('nixen', 'mnt-nixen-office.mount', 'start', 'org.freedesktop.systemd1.reload-daemon'),
    ])
      expect(refused).toBeUndefined()
  })

  test('finds the database of the same machine by its socket', () => {
    const address = /"NIXEN_DATABASE_URL=([^"]*)"/.exec(file('appliance-full', 'nixen.service'))?.[1] ?? ''
    const { values } = loadConfig({ environment: { NIXEN_DATABASE_URL: address } })
    expect(new URL(values['database.url']).searchParams.get('host')).toBe('/run/postgresql')
  })
})

describe.skipIf(nixpkgs !== undefined)('hardening', () => {
  // 0 is nothing allowed, 10 everything; a Node service with a TLS port is what it is.
  test.each([
    ['appliance-minimal', 'nixen.service', 2],
    ['appliance-full', 'nixen.service', 2],
    ['appliance-full', 'nixen-redirect.service', 1.5],
    ['appliance-full', 'nixen-state-backup.service', 2],
    ['guest', 'nixen-xen-agent.service', 3],
  ])('%s: %s is exposed at %d at the most', async (name, unit, most) => {
    using folder = scratch()
    const path = join(folder.path, unit)
    writeFileSync(path, runnable(file(name, unit)))
    const { stdout } = await run('systemd-analyze', ['security', '--offline=yes', '--no-pager', path])
    const exposure = Number(/Overall exposure level for \S+: ([\d.]+)/.exec(stdout)?.[1])
    if (Number.isNaN(exposure)) throw new Error(stdout)
    expect(exposure).toBeLessThanOrEqual(most)
  })
})

describe('declared domains', () => {
  test.each([
    ['host-kvm', 'web.xml'],
    ['host-kvm', 'windows.xml'],
    ['host-xen', 'db.xml'],
  ])('%s/%s is valid for libvirt', async (name, path) => {
    using folder = scratch()
    const target = join(folder.path, path)
    mkdirSync(dirname(target), { recursive: true })
    writeFileSync(target, file(name, path))
    expect(await run('virt-xml-validate', [target, 'domain'])).toMatchObject({ code: 0 })
  })

  test('are marked so that the console refuses to change them, by the names of its actions', () => {
    const { blocked, tags, fields } = readMetadata(parseXml(file('host-kvm', 'web.xml')))
    expect(tags).toEqual(['declared'])
    expect(fields).toEqual({ declared: 'virtualisation.nixen.domains.web' })
    const actions = Object.keys(vmCan)
    const names = Object.keys(blocked)
    expect(names.length).toBeGreaterThan(10)
    expect(names.filter((action) => !actions.includes(action))).toEqual([])
    expect(names).not.toContain('start')
    expect(readMetadata(parseXml(file('host-kvm', 'windows.xml'))).blocked).toEqual({})
  })
})

describe('bad values', () => {
  test('are each told the option and the way out, and nothing else', async () => {
    interface Told {
      readonly says: readonly string[]
      readonly problems: readonly string[]
    }
    const told = await evaluateCases<Record<string, Told>>('what = "bad";')
    const wrong = Object.entries(told).flatMap(([name, { says, problems }]) => {
      const missing = says.filter((text) => !problems.some((problem) => problem.includes(text)))
      const more = problems.filter((problem) => !says.some((text) => problem.includes(text)))
      // NixOS has complaints of its own about machines that are only half there.
      return missing.length > 0 || (nixpkgs === undefined && more.length > 0) ? [{ name, missing, more, problems }] : []
    })
    expect(wrong).toEqual([])
    expect(Object.keys(told).length).toBeGreaterThan(40)
  })

  test('of a wrong form are refused by the name of the option', async () => {
    const { stdout } = await evaluate(`builtins.mapAttrs (_: each: each.says) (import ${root}nix/tests/bad/types.nix)`)
    // Names of options by the names of cases.
    const wanted = JSON.parse(stdout) as Record<string, string>
    for (const [name, option] of Object.entries(wanted)) {
      const failed = evaluateCases(`what = "${name}";`)
      await expect(failed).rejects.toThrow(option)
    }
    expect(Object.keys(wanted).length).toBeGreaterThan(12)
  })
})

describe.skipIf(nixpkgs === undefined)('with a real nixpkgs', () => {
  test('every case is a whole system', async () => {
    const whole = await evaluateCases<Record<string, { readonly drvPath: string }>>('toplevel = true;')
    const odd = Object.entries(whole).filter(([, { drvPath }]) => !withoutHashes(drvPath).includes('nixos-system'))
    expect(odd).toEqual([])
  }, 1_200_000)
})
