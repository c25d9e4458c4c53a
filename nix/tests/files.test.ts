import { existsSync, globSync, readFileSync, writeFileSync, mkdirSync } from 'node:fs'
import { join, resolve, dirname } from 'node:path'
import { describe, expect, test } from 'vitest'
import { evaluate, nixpkgs, root, run, scratch, nixEnvironment } from './nix.ts'

const files = ['flake.nix', ...globSync('nix/**/*.nix', { cwd: root })].toSorted()
const read = (file: string): string => readFileSync(root + file, 'utf8')

describe('every file of Nix', () => {
  test('is Nix that the oldest Nix in use reads', async () => {
    using folder = scratch()
    const paths = files.map((file) => root + file)
    const { code, stderr } = await run('nix-instantiate', ['--parse', ...paths], { env: nixEnvironment(folder.path) })
    expect({ code, stderr }).toMatchObject({ code: 0 })
  })

  // There is no formatter of Nix in Debian or npm. `nix fmt` is nixfmt; these are the rules of it that a line shows.
  test('is written as the house writes it', () => {
    const product = (file: string): boolean => !file.startsWith('nix/tests/')
    const wrong = files.flatMap((file) =>
      read(file)
        .split('\n')
        .flatMap((line, index) => {
          const at = `${file}:${index + 1}`
          const says: string[] = []
          if (line.includes('\t')) says.push(`${at}: a tab`)
          if (/\s$/.test(line)) says.push(`${at}: a blank at the end`)
          if (
            product(file) &&
            /^( {2})*/.exec(line)?.[0].length !== /^ */.exec(line)?.[0].length &&
            !/''|^\s*\*/.test(line)
          )
            says.push(`${at}: an odd indent`)
          if (/^\s*with (lib|pkgs);/.test(line)) says.push(`${at}: names from a "with" of the whole file`)
          return says
        }),
    )
    expect(wrong.filter((line) => !/checks\/.*odd indent/.test(line))).toEqual([])
    expect(files.filter((file) => !read(file).endsWith('\n') || read(file).endsWith('\n\n'))).toEqual([])
  })

  test('is used by another one', () => {
    const entry = ['flake.nix', 'nix/tests/', 'nix/templates/', 'nix/modules/appliance/disk.nix']
    const all = files.map((file) => ({ file, text: read(file) }))
    const used = new Set(
      all.flatMap(({ file, text }) =>
        [...text.matchAll(/(?<![\w"$])(\.{1,2}\/[\w./-]+)/g)].flatMap(([, path = '']) => {
          const target = resolve('/', dirname(file), path).slice(1)
          return [target, `${target}/default.nix`]
        }),
      ),
    )
    expect(files.filter((file) => !used.has(file) && !entry.some((prefix) => file.startsWith(prefix)))).toEqual([])
  })

  test('gives each option a type and a description', () => {
    const wrong = files
      .filter((file) => file.startsWith('nix/modules/'))
      .flatMap((file) => {
        const options = read(file)
          .split(/mkOption \{/)
          .slice(1)
        return options.flatMap((text, index) =>
          /\btype = /.test(text) && /\bdescription =?/.test(text) ? [] : [`${file}, option ${index + 1}`],
        )
      })
    expect(wrong).toEqual([])
  })
})

test('every shell part is clean for shellcheck', async () => {
  const scripts = globSync('nix/scripts/*.sh', { cwd: root })
  expect(scripts.length).toBeGreaterThan(8)
  expect(await run('shellcheck', ['-x', ...scripts], { cwd: root })).toMatchObject({ code: 0, stdout: '' })
})

interface Flake {
  readonly systems: readonly string[]
  readonly outputs: readonly string[]
  readonly inputs: Readonly<Record<string, string>>
  readonly package: Readonly<
    Record<
      string,
      {
        readonly pname: string
        readonly version: string
        readonly lock: {
          readonly packages: Readonly<
            Record<
              string,
              { readonly resolved?: string; readonly integrity?: string; readonly cpu?: readonly string[] }
            >
          >
        }
        readonly manifest: { readonly dependencies: Readonly<Record<string, string>> }
      }
    >
  >
  readonly apps: Readonly<Record<string, { readonly type: string; readonly program: string }>>
  readonly modules: readonly string[]
  readonly templates: Readonly<Record<string, boolean>>
  readonly checks: Readonly<Record<string, string>>
  readonly checksElsewhere: readonly string[]
}

describe('the flake', () => {
  let flake: Flake
  test('has every output, for both systems', async () => {
    const { code, stdout, stderr } = await evaluate(`import ${root}nix/tests/flake.nix`)
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
    flake = JSON.parse(stdout) as Flake
    expect(flake.systems).toEqual(['aarch64-linux', 'x86_64-linux'])
    expect(flake.outputs).toEqual([
      'apps',
      'checks',
      'devShells',
      'formatter',
      'lib',
      'nixosModules',
      'overlays',
      'packages',
      'templates',
    ])
    expect(Object.keys(flake.apps)).toEqual(['apply', 'default', 'diff', 'history', 'install'])
    expect(flake.modules).toEqual([
      'appliance',
      'default',
      'disk-appliance',
      'disko',
      'guest',
      'host',
      'impermanence',
      'lanzaboote',
    ])
    expect(flake.templates).toEqual({ appliance: true, default: true, host: true })
    expect(Object.keys(flake.checks)).toEqual(['appliance', 'guest', 'host', 'nixen', 'shell', 'updates'])
    expect(flake.checksElsewhere).toEqual(['nixen', 'shell'])
    expect(flake.package['x86_64-linux']).toMatchObject({
      pname: 'nixen',
      version: JSON.parse(read('package.json')).version,
    })
  })

  test('fetches every package by address and hash, for its platform alone, and Node from nixpkgs', () => {
    for (const [system, cpu] of [
      ['x86_64-linux', 'x64'],
      ['aarch64-linux', 'arm64'],
    ] as const) {
      const { lock, manifest } = flake.package[system] ?? { lock: { packages: {} }, manifest: { dependencies: {} } }
      const entries = Object.entries(lock.packages).filter(([path]) => path !== '')
      expect(entries.length).toBeGreaterThan(200)
      expect(
        entries.filter(
          ([, { resolved, integrity }]) =>
            !/^https:\/\/registry\.npmjs\.org\/\S+\.tgz$/.test(resolved ?? '') || integrity === undefined,
        ),
      ).toEqual([])
      expect(entries.filter(([, entry]) => entry.cpu !== undefined && !entry.cpu.includes(cpu))).toEqual([])
      expect(entries.filter(([path]) => path.includes('node-linux-') || path.includes('@nixen/'))).toEqual([])
      // Both bundlers, with the platform's own binaries.
      expect(Object.keys(manifest.dependencies)).toEqual(
        expect.arrayContaining(['rolldown', 'vite', 'fastify', 'react']),
      )
      expect(entries.some(([path]) => path === `node_modules/@rolldown/binding-linux-${cpu}-gnu`)).toBe(true)
    }
    expect(flake.package['x86_64-linux']?.lock.packages['node_modules/@aws-sdk/client-s3']?.resolved).toMatch(
      /\/@aws-sdk\/client-s3\/-\/client-s3-[\d.]+\.tgz$/,
    )
  })

  test('has a lock that npm takes for that package.json', async () => {
    using folder = scratch()
    const { lock, manifest } = flake.package['x86_64-linux'] ?? {}
    writeFileSync(join(folder.path, 'package.json'), JSON.stringify(manifest))
    writeFileSync(join(folder.path, 'package-lock.json'), JSON.stringify(lock))
    const args = ['ci', '--dry-run', '--offline', '--ignore-scripts', '--no-audit', '--no-fund']
    const { code, stderr } = await run('npm', args, {
      cwd: folder.path,
      env: { npm_config_cache: join(folder.path, 'cache') },
    })
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
  })

  test('tells what VM tests do in Python that is Python', async () => {
    for (const [name, script] of Object.entries(flake.checks)) {
      if (script === '') continue
      const { code, stderr } = await run('python3', ['-c', 'import ast, sys; ast.parse(sys.stdin.read())'], {
        input: script,
      })
      expect({ name, code, stderr }).toMatchObject({ code: 0 })
    }
  })

  test.skipIf(nixpkgs !== undefined)('says that its inputs are not pinned yet, as long as they are not', () => {
    if (existsSync(`${root}flake.lock`)) return
    expect(read('docs/guide/nixos.md')).toContain('nix flake lock')
  })
})

describe('templates', () => {
  test.each(['appliance', 'host'])('of an %s evaluate, filled in', async (name) => {
    using folder = scratch()
    mkdirSync(join(folder.path, name))
    for (const file of globSync(`nix/templates/${name}/*.nix`, { cwd: root }))
      writeFileSync(
        join(folder.path, name, file.split('/').at(-1) ?? ''),
        read(file)
          .replaceAll('@HOST@', 'box')
          .replaceAll('@SSH_KEY@', 'ssh-ed25519 AAAA me')
          .replaceAll('@RELEASE@', '26.05')
          .replaceAll('@FOLDER@', '/etc/nixos')
          .replaceAll('@NIXEN@', 'git+https://x/y'),
      )
    writeFileSync(join(folder.path, name, 'nixen.toml'), '[log]\nlevel = "debug"\n')
    const expression = `
      let
        lib = import ${root}nix/tests/lib;
        evaluated = lib.evalModules {
          modules = [
            { _module.args.pkgs = import ${root}nix/tests/lib/pkgs.nix; }
            ${root}nix/tests/lib/stubs.nix
            ${root}nix/modules/${name}
            ${folder.path}/${name}/configuration.nix
          ];
        };
        failing = builtins.filter (each: !each.assertion) evaluated.config.assertions;
      in {
        problems = map (each: each.message) failing;
        inherit (evaluated.config) warnings;
        toml = evaluated.config.services.nixen.configText or "";
        domains = builtins.mapAttrs (_: each: each.xml) (evaluated.config.virtualisation.nixen.rendered or { });
        flake = (import ${folder.path}/${name}/flake.nix).inputs.nixen.url;
      }`
    const { code, stdout, stderr } = await evaluate(expression)
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
    expect(JSON.parse(stdout)).toMatchObject({ problems: [], warnings: [], flake: 'git+https://x/y' })
    expect(stdout).toContain(name === 'appliance' ? 'level = ' : '<name>web</name>')
  })
})
