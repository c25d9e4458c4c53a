import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { runNixen, type Result } from './run-nixen.ts'

/**
 * A machine in a folder: a store, a profile with generations, a boot loader's default, and stand-ins for the programs of NixOS. Each stand-in does
 * to the folder what the real one does to the machine, writes down that it was called, and can kill who called it with SIGKILL, before or
 * after its work, or in the middle of it.
 */
export interface Machine extends AsyncDisposable {
  readonly root: string
  readonly config: string
  readonly flake: string
  /** Requests of notifications that came. */
  readonly told: { readonly url: string; readonly headers: IncomingHttpHeaders; readonly body: string }[]
  /** Whether the system of that name answers when it runs. */
  answers: (system: string) => boolean
  run(...args: readonly string[]): Promise<Result>
  /** Makes a stand-in kill its caller: `test:after`. Empty: none. */
  killAt(point: string): void
  /** Makes a stand-in fail. */
  failAt(point: string): void
  calls(): readonly string[]
  running(): string
  boots(): string
  lock(): string
  journal(): boolean
}

const stub = `#!/usr/bin/env bash
set -euo pipefail
root=ROOT
call=$1; shift
at() {
  if [[ $(cat "$root/fail-at") == "$call:$1" ]]; then echo "$call was told to fail" >&2; exit 9; fi
  if [[ $(cat "$root/kill-at") == "$call:$1" ]]; then : > "$root/kill-at"; kill -9 $PPID; exit 137; fi
}
echo "$call $*" >> "$root/calls"
at before
case $call in
  nix)
    if [[ $1 == flake ]]; then
      folder=$(printf '%s\\n' "$@" | sed -n 's/^path://p')
      [[ -e $root/nothing-newer ]] || printf '{"updated":"%s"}\\n' "$*" > "$folder/flake.lock"
    fi ;;
  rebuild)
    while [[ -e $root/hold ]]; do sleep 0.05; done
    folder=$(printf '%s\\n' "$@" | sed -n 's/^path:\\(.*\\)#.*/\\1/p')
    name=system-$(sha256sum < <(cat "$folder/flake.lock" "$folder/flake.nix") | cut -c1-8)
    "$root/bin/make-system" "$name"
    ln -sfn "$root/store/$name" result ;;
  nix-env)
    profile=$2; shift 2
    case $1 in
      --set)
        last=$(ls "$root/profiles" | sed -n 's/^system-\\([0-9]*\\)-link$/\\1/p' | sort -n | tail -1)
        ln -s "$2" "$root/profiles/system-$((last + 1))-link"
        at middle
        ln -s "system-$((last + 1))-link" "$profile.new"; mv -T "$profile.new" "$profile" ;;
      --switch-generation) ln -s "system-$2-link" "$profile.new"; mv -T "$profile.new" "$profile" ;;
      --delete-generations) shift; for n; do rm "$root/profiles/system-$n-link"; done ;;
    esac ;;
  git) exec git "$@" ;;
esac
at after
`

const system = `#!/usr/bin/env bash
set -euo pipefail
root=ROOT
self=$(basename "$(dirname "$(dirname "$(realpath "$0")")")")
call=$1
at() {
  if [[ $(cat "$root/fail-at") == "$call:$1" && $self != system-old ]]; then echo "$call was told to fail" >&2; exit 4; fi
  if [[ $(cat "$root/kill-at") == "$call:$1" ]]; then : > "$root/kill-at"; kill -9 $PPID; exit 137; fi
}
echo "$self $call" >> "$root/calls"
at before
if [[ $call == test || $call == switch ]]; then
  echo "half" > "$root/services"
  at middle
  ln -s "$root/store/$self" "$root/current.new"; mv -T "$root/current.new" "$root/current-system"
  echo "$self" > "$root/services"
fi
if [[ $call == boot || $call == switch ]]; then
  realpath "$root/profiles/system" | xargs basename > "$root/boots.new"; mv "$root/boots.new" "$root/boots"
fi
at after
`

/** `patience`: seconds that a system has to answer; little only where it is not going to. */
export async function startMachine({ patience = 60 }: { readonly patience?: number } = {}): Promise<Machine> {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'nixen-machine-')))
  for (const folder of ['bin', 'store', 'profiles', 'state', 'flake']) mkdirSync(join(root, folder))
  const write = (path: string, text: string): void => writeFileSync(join(root, path), text.replaceAll('ROOT', root))
  const script = (path: string, text: string): void => {
    write(path, text)
    chmodSync(join(root, path), 0o755)
  }
  script('bin/stub', stub)
  script('system', system)
  script(
    'bin/make-system',
    '#!/bin/sh\nset -e\nmkdir -p "ROOT/store/$1/bin"\ncp "ROOT/system" "ROOT/store/$1/bin/switch-to-configuration"\n',
  )
  for (const name of ['nix', 'nix-env', 'git']) script(`bin/${name}`, `#!/bin/sh\nexec "ROOT/bin/stub" ${name} "$@"\n`)
  script('bin/nixos-rebuild', '#!/bin/sh\nexec "ROOT/bin/stub" rebuild "$@"\n')
  script('bin/snapshot', '#!/bin/sh\nexec "ROOT/bin/stub" snapshot "$@"\n')
  script('bin/restore', '#!/bin/sh\nexec "ROOT/bin/stub" restore "$@"\n')
  script('bin/sendmail', '#!/bin/sh\ncat >> "ROOT/mail"\n')
  for (const name of ['system-older', 'system-old']) {
    mkdirSync(join(root, 'store', name, 'bin'), { recursive: true })
    script(`store/${name}/bin/switch-to-configuration`, system)
  }
  symlinkSync(join(root, 'store/system-older'), join(root, 'profiles/system-1-link'))
  symlinkSync(join(root, 'store/system-old'), join(root, 'profiles/system-2-link'))
  symlinkSync('system-2-link', join(root, 'profiles/system'))
  for (const name of ['current-system', 'booted-system']) symlinkSync(join(root, 'store/system-old'), join(root, name))
  write('boots', 'system-old\n')
  write('services', 'system-old\n')
  for (const name of ['kill-at', 'fail-at', 'calls']) write(name, '')
  write('flake/flake.nix', '{ outputs = _: { }; }\n')
  write('flake/flake.lock', '{"first":true}\n')

  const told: Machine['told'] = []
  const machine: Pick<Machine, 'answers'> = { answers: () => true }
  const runningName = (): string => basename(realpathSync(join(root, 'current-system')))
  const server = createServer((request, response) => {
    if (request.url === '/healthz') {
      const well =
        machine.answers(runningName()) && readFileSync(join(root, 'services'), 'utf8').trim() === runningName()
      response.writeHead(well ? 200 : 503).end()
      return
    }
    let body = ''
    request.setEncoding('utf8').on('data', (text: string) => (body += text))
    request.on('end', () => {
      told.push({ url: request.url ?? '', headers: request.headers, body })
      response.end('ok')
    })
  })
  const base = await listen(server)
  write('token', 'tk_secret\n')
  const config = {
    version: 1,
    flake: join(root, 'flake'),
    host: 'nixen',
    stateDirectory: join(root, 'state'),
    profile: join(root, 'profiles/system'),
    currentSystem: join(root, 'current-system'),
    bootedSystem: join(root, 'booted-system'),
    programs: {
      nix: join(root, 'bin/nix'),
      nixEnv: join(root, 'bin/nix-env'),
      nixosRebuild: join(root, 'bin/nixos-rebuild'),
      git: join(root, 'bin/git'),
    },
    kinds: {
      inputs: { inputs: null, keepGenerations: 7 },
      nixpkgs: { inputs: ['nixpkgs'], keepGenerations: 2 },
      nixen: { inputs: ['nixen'], keepGenerations: 7 },
    },
    keepGenerations: 7,
    snapshot: [join(root, 'bin/snapshot')],
    restore: [join(root, 'bin/restore')],
    health: { url: `${base}/healthz`, timeout: patience, successes: 2, interval: 0.02 },
    notify: {
      on: 'always',
      ntfy: { url: `${base}/ntfy`, tokenFile: join(root, 'token') },
      webhook: { url: `${base}/hook`, secretFile: join(root, 'token') },
      email: { from: 'nixen@example.net', to: ['admin@example.net'], sendmail: join(root, 'bin/sendmail') },
    },
  }
  write('appliance.json', JSON.stringify(config))

  return Object.assign(machine, {
    root,
    told,
    config: join(root, 'appliance.json'),
    flake: join(root, 'flake'),
    run: async (verb: string, ...args: readonly string[]) =>
      await runNixen(['appliance', verb, ...args, '--config', join(root, 'appliance.json')], { cwd: root }),
    killAt: (point: string) => write('kill-at', point),
    failAt: (point: string) => write('fail-at', point),
    calls: () => readFileSync(join(root, 'calls'), 'utf8').trim().split('\n').filter(Boolean),
    running: runningName,
    boots: () => readFileSync(join(root, 'boots'), 'utf8').trim(),
    lock: () => readFileSync(join(root, 'flake/flake.lock'), 'utf8'),
    journal: () => existsSync(join(root, 'state/run.json')),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
      rmSync(root, { recursive: true, force: true })
    },
  })
}

async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no address')
  return `http://127.0.0.1:${address.port}`
}

/** Where the profile leads. */
export function profileOf({ root }: Machine): string {
  return readlinkSync(join(root, 'profiles/system'))
}
