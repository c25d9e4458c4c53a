import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'

/** Root of the checkout, with a slash behind. */
export const root: string = fileURLToPath(new URL('../..', import.meta.url))
const tests = `${root}nix/tests`

/** A real nixpkgs, against which the same cases are evaluated when it is there. */
export const nixpkgs: string | undefined = process.env['NIXPKGS_PATH'] || undefined

export interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string
}

/** Runs a program to its end. */
export async function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const { promise, resolve } = Promise.withResolvers<Ran>()
  const env = options.env === undefined ? process.env : { ...process.env, ...options.env }
  const child = execFile(
    program,
    args,
    { env, maxBuffer: 64 << 20, ...(options.cwd === undefined ? {} : { cwd: options.cwd }) },
    (error, stdout, stderr) => {
      if (error !== null && typeof error.code !== 'number')
        resolve({ code: 128, stdout, stderr: `${stderr}${error.message}` })
      else resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr })
    },
  )
  // One that ends without reading is no failure of the test's.
  child.stdin?.on('error', () => undefined).end(options.input ?? '')
  return await promise
}

/** A folder that is removed when it is disposed of. */
export function scratch(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'nixen-nix-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

/** Variables with which Nix needs nothing of the machine: a store, a state and a configuration of its own, no network. */
export function nixEnvironment(folder: string): Readonly<Record<string, string>> {
  const at = (name: string): string => join(folder, name)
  mkdirSync(at('etc'), { recursive: true })
  mkdirSync(at('home'), { recursive: true })
  writeFileSync(
    at('etc/nix.conf'),
    'build-users-group =\nsandbox = false\nsubstituters =\nexperimental-features = nix-command flakes\n',
  )
  return {
    NIX_STORE_DIR: at('store'),
    NIX_STATE_DIR: at('state'),
    NIX_LOG_DIR: at('log'),
    NIX_LOCALSTATE_DIR: at('var'),
    NIX_CONF_DIR: at('etc'),
    NIX_DATA_DIR: at('share'),
    HOME: at('home'),
    XDG_CACHE_HOME: at('home/cache'),
  }
}

/** Evaluates an expression to JSON. What Nix says on failure is the `stderr`. */
export async function evaluate(expression: string): Promise<Ran> {
  using folder = scratch()
  const args = ['--eval', '--strict', '--json', '--readonly-mode', '--expr', expression]
  return await run('nix-instantiate', args, { env: nixEnvironment(folder.path) })
}

/** Evaluates `tests/eval.nix` with arguments, written in Nix. Throws what Nix says when it fails. */
export async function evaluateCases<T>(args = ''): Promise<T> {
  const given = nixpkgs === undefined ? args : `nixpkgs = ${nixpkgs}; ${args}`
  const { code, stdout, stderr } = await evaluate(`import ${tests}/eval.nix { ${given} }`)
  if (code !== 0) throw new Error(stderr)
  // The harness of this folder has made it.
  return JSON.parse(stdout) as T
}

/** Store paths without what differs from one machine to the other. */
export function withoutHashes(text: string): string {
  return text.replaceAll(/\/[^\s"':=]*\/store\/[0-9a-z]{32}-/g, '/STORE/')
}

/** Compares with a committed file; NIXEN_UPDATE_GOLDEN=1 writes it. With a real nixpkgs names of packages differ, and nothing is compared. */
export function expectGolden(path: string, text: string): void {
  const file = `${tests}/golden/${path}`
  const wanted = withoutHashes(text)
  if (process.env['NIXEN_UPDATE_GOLDEN'] === '1') {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, wanted)
  }
  const found = existsSync(file) ? readFileSync(file, 'utf8') : undefined
  expect({ path, text: wanted }).toEqual({ path, text: found })
}
