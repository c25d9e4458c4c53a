import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root, run, scratch, type Ran } from './nix.ts'

/** The shell parts of the modules. */
export const scripts = `${root}nix/scripts`

/** A folder with stand-ins for programs, and what a script did in it. */
export interface Sandbox extends Disposable {
  readonly path: string
  at(name: string): string
  write(name: string, text: string): string
  /** A program on the PATH; `@` in the text is the folder. */
  program(name: string, text: string): void
  script(name: string, args?: readonly string[], env?: Readonly<Record<string, string>>, input?: string): Promise<Ran>
  calls(): readonly string[]
}

/** A sandbox with nothing in it yet. */
export function sandbox(): Sandbox {
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
