// Makes a publishable folder and its tarball: plain JS with @nixen/core inside, and declarations. Usage: pack.ts DIRECTORY
import { execFile } from 'node:child_process'
import { copyFile, cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { rolldown } from 'rolldown'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../../', import.meta.url))
const packageRoot = join(root, 'packages/xapi')

/** Where the packed parts are. */
export interface Packed {
  /** The folder that can be published. */
  readonly folder: string
  readonly tarball: string
}

/** Packs into `directory`, which is made if needed. */
export async function pack(directory: string): Promise<Packed> {
  const folder = join(resolve(directory), 'package')
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  await bundle(join(folder, 'index.js'))
  await declarations(join(folder, 'types'))
  await copyFile(join(root, 'LICENSE'), join(folder, 'LICENSE'))
  await copyFile(join(packageRoot, 'README.md'), join(folder, 'README.md'))
  await writeFile(join(folder, 'package.json'), `${JSON.stringify(await manifest(), undefined, 2)}\n`)
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', resolve(directory)], { cwd: folder })
  // npm prints an array with one entry, newer versions an object by name.
  const answer = JSON.parse(stdout) as Record<string, { readonly filename: string }>
  const [entry] = Object.values(answer)
  if (!entry) throw new Error(`npm pack answered ${stdout}`)
  return { folder, tarball: join(resolve(directory), entry.filename) }
}

/** One file; everything but Node's own modules is inside. */
async function bundle(file: string): Promise<void> {
  const build = await rolldown({
    input: join(packageRoot, 'src/index.ts'),
    platform: 'node',
    external: /^node:/,
    onLog: (level, log) => {
      if (level === 'warn') throw new Error(`Bundling: ${log.message}`)
    },
  })
  try {
    await build.write({ file, format: 'esm', minify: false })
  } finally {
    await build.close()
  }
}

/** What tsc wrote, with `@nixen/core` and `.ts` in the imports turned to files that are there. */
async function declarations(types: string): Promise<void> {
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  await run(process.execPath, [tsc, '-b', packageRoot], { cwd: root })
  for (const name of ['core', 'xapi']) {
    await cp(join(root, '.tsbuild', name), join(types, name), {
      recursive: true,
      filter: (source) => !source.endsWith('.map') && !source.endsWith('.tsbuildinfo'),
    })
  }
  for (const entry of await readdir(types, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const file = join(entry.parentPath, entry.name)
    const core = relative(dirname(file), join(types, 'core/index.js'))
    const text = await readFile(file, 'utf8')
    const moved = text
      .replaceAll(/(['"])@nixen\/core\1/g, `'${core.startsWith('.') ? core : `./${core}`}'`)
      .replaceAll(/(['"])(\.{1,2}\/[^'"\n]+)\.ts\1/g, "'$2.js'")
    await writeFile(file, moved)
  }
}

async function manifest(): Promise<Record<string, unknown>> {
  // Ours, and checked by every `npm install`.
  const own = JSON.parse(await readFile(join(packageRoot, 'package.json'), 'utf8')) as Record<string, unknown>
  return {
    name: own['name'],
    version: own['version'],
    description: own['description'],
    license: own['license'],
    type: 'module',
    sideEffects: false,
    engines: { node: '>=24' },
    exports: { '.': { types: './types/xapi/index.d.ts', default: './index.js' } },
    files: ['index.js', 'types', 'README.md', 'LICENSE'],
  }
}

if (import.meta.main) {
  const directory = process.argv[2]
  if (directory === undefined) {
    console.error('Usage: pack.ts DIRECTORY')
    process.exitCode = 2
  } else {
    const { tarball } = await pack(directory)
    console.log(tarball)
  }
}
