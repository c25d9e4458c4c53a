// npm run bundle [-- FOLDER]: the release. One folder that runs on Node 26 without npm: the command, its chunks, loaded when they are needed,
// the entries of its threads, its data files, and the one native module with what that needs (docs/design/0006-control-plane.md).
import { cpSync, globSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import { dirname, join, relative, resolve } from 'node:path'
import { rolldown, type OutputChunk, type Plugin } from 'rolldown'
import { root } from './lib.ts'

/** A file that code finds beside itself. The names of threads are put together at run time; see {@link entries}. */
const besideItself = /new URL\('([^'$]+)', import\.meta\.url\)/g
const sources = globSync('packages/*/src/**/*.ts', { cwd: root, exclude: ['**/*.test.ts', 'packages/testkit/**'] })
const found = sources.flatMap((file) =>
  [...readFileSync(root + file, 'utf8').matchAll(besideItself)].map(([, path = '']) => join(dirname(file), path)),
)
/** What runs by its path: the command, threads, other processes. All but the command keep the place that they have in the source. */
const entries: Readonly<Record<string, string>> = {
  main: 'packages/cli/src/main.ts',
  ...Object.fromEntries(
    [...sources.filter((file) => file.endsWith('-worker.ts')), ...found.filter((file) => file.endsWith('.ts'))].map(
      (file) => [file.replace(/\.ts$/, ''), file],
    ),
  ),
}
/** Files that are read at run time, at the place that they have in the source. */
const dataFiles = new Set(found.filter((file) => !file.endsWith('.ts')))
/** Not bundled: it loads a compiled library that lies beside it. The client loads without it, more slowly. */
const native = 'sodium-native'
/** What it asks for under the Bare runtime only; Node has its own `assert`. */
const notForNode = new Set(['bare-assert'])
/** Platforms whose compiled library is shipped. */
const platforms = new Set(['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64'])
/** What fastify loads when a route has a schema, or for tests without a socket: neither is in the server. */
const neverLoaded = new Set(['@fastify/ajv-compiler', '@fastify/fast-json-stringify-compiler', 'light-my-request'])
/** What of `node:http` loads `fetch` when it is read. */
const lazyExports = new Set(['WebSocket', 'CloseEvent', 'MessageEvent'])
const marker = '__nixen_source__'

/** Writes the release into `folder`, whole or not at all. */
export async function bundle(folder: string): Promise<void> {
  const made = `${folder}.new`
  rmSync(made, { recursive: true, force: true })
  mkdirSync(made, { recursive: true })
  const chunks = await writeCode(made)
  for (const file of dataFiles) copy(file, made)
  // Built before this runs (bin/nixen).
  cpSync(`${root}packages/web/dist`, join(made, 'packages/web/dist'), { recursive: true })
  cpSync(`${root}scripts/release/nixen.mjs`, join(made, 'nixen.mjs'))
  const shipped = copyNative(made)
  writeFileSync(join(made, 'package.json'), manifest())
  cpSync(`${root}LICENSE`, join(made, 'LICENSE'))
  writeFileSync(join(made, 'THIRD-PARTY-LICENSES'), licences(chunks, [...shipped, ...consolePackages()]))
  rmSync(folder, { recursive: true, force: true })
  renameSync(made, folder)
}

async function writeCode(folder: string): Promise<readonly OutputChunk[]> {
  const built = await rolldown({
    cwd: root,
    input: { ...entries },
    platform: 'node',
    external: [native],
    plugins: [keepPlaces(), leanHttp(), leaveOut()],
    onLog: (level, log, print) => {
      // Others' packages: the client of S3 and ajv.
      if (log.id?.includes('node_modules') !== true) print(level, log)
    },
  })
  const { output } = await built.write({
    dir: folder,
    format: 'esm',
    entryFileNames: ({ name }) => (name === 'main' ? 'main.mjs' : `${name}.js`),
    chunkFileNames: 'chunks/[name]-[hash].js',
    // V8 keeps the text of all that is loaded, with two bytes a character once one of them is beyond Latin-1: without comments, and in ASCII, a
    // server at rest takes 5 MB less. Names and lines stay, for traces in logs; licences are in a file of their own.
    comments: false,
    minify: { compress: false, mangle: false, codegen: { removeWhitespace: false, asciiOnly: true } },
  })
  await built.close()
  return output.filter((part) => part.type === 'chunk')
}

/**
 * Code that finds a file beside itself (`new URL('../data/x.json', import.meta.url)`) goes on finding it where the file is in the
 * source, under the folder of the release: whichever chunk the code ended up in. Code itself is `.js` there.
 */
function keepPlaces(): Plugin {
  return {
    name: 'keep-places',
    transform(code, id) {
      if (!id.startsWith(`${root}packages/`) || !code.includes('import.meta.url')) return undefined
      const place = relative(root, id).replace(/\.ts$/, '.js')
      return code
        .replaceAll(besideItself, (call) => call.replace(".ts'", ".js'"))
        .replaceAll('import.meta.url', `${marker}(${JSON.stringify(place)})`)
    },
    renderChunk(code, { fileName }) {
      if (!code.includes(marker)) return null
      const up = '../'.repeat(fileName.split('/').length - 1)
      return code.replaceAll(
        new RegExp(`${marker}\\("([^"]+)"\\)`, 'g'),
        (_, place: string) => `new URL(${JSON.stringify(`${up || './'}${place}`)}, import.meta.url).href`,
      )
    },
  }
}

/**
 * An `import` of `node:http` reads all that it exports, and one of that is `WebSocket`, which loads the whole of Node's `fetch`: 10 MB of memory
 * and a twentieth of a second that a server seldom needs. It gets the module without what is loaded by being looked at.
 */
function leanHttp(): Plugin {
  const lean = '\0lean-http'
  return {
    name: 'lean-http',
    resolveId: (id, _importer, { kind }) => (/^(?:node:)?http$/.test(id) && kind !== 'require-call' ? lean : null),
    load(id) {
      if (id !== lean) return null
      const names = Object.keys(http).filter((name) => !lazyExports.has(name))
      return `const http = process.getBuiltinModule('node:http')\nexport const { ${names.join(', ')} } = http\nexport default http\n`
    },
  }
}

/** Code that would be read into memory at each start and never run. Should it be asked for after all, the error says where to look. */
function leaveOut(): Plugin {
  const mark = '\0left-out:'
  return {
    name: 'leave-out',
    resolveId: (id) => (neverLoaded.has(id) ? mark + id : null),
    load(id) {
      if (!id.startsWith(mark)) return null
      const name = id.slice(mark.length)
      return { code: `throw new Error('${name} is not in the release: scripts/bundle.ts')`, moduleType: 'js' }
    },
  }
}

function copy(file: string, folder: string): void {
  mkdirSync(dirname(join(folder, file)), { recursive: true })
  cpSync(root + file, join(folder, file))
}

/** Copies the native module and the packages that it needs; their folders in the checkout. */
function copyNative(folder: string): readonly string[] {
  const packages = new Set<string>()
  const add = (name: string): void => {
    if (packages.has(name) || notForNode.has(name)) return
    packages.add(name)
    for (const needed of Object.keys(readManifest(`node_modules/${name}`).dependencies ?? {})) add(needed)
  }
  add(native)
  const wanted = (path: string): boolean => {
    const prebuilt = /\/prebuilds\/([^/]+)/.exec(path)?.[1]
    return (
      (prebuilt === undefined || platforms.has(prebuilt)) && !/\/extensions$|\.(?:bare|cc|d\.ts|md|txt)$/.test(path)
    )
  }
  for (const name of packages)
    cpSync(`${root}node_modules/${name}`, join(folder, 'node_modules', name), {
      recursive: true,
      dereference: true,
      filter: wanted,
    })
  return [...packages].map((name) => `node_modules/${name}`)
}

/** The packages that the console may hold; their folders in the checkout. */
function consolePackages(): readonly string[] {
  const packages = new Set<string>()
  const add = (name: string): void => {
    if (name.startsWith('@nixen/') || packages.has(name)) return
    packages.add(name)
    for (const needed of Object.keys(readManifest(`node_modules/${name}`).dependencies ?? {})) add(needed)
  }
  for (const name of Object.keys(readManifest('packages/web').dependencies ?? {})) add(name)
  return [...packages].map((name) => `node_modules/${name}`)
}

interface Manifest {
  readonly name: string
  readonly version: string
  readonly license?: string
  readonly description?: string
  readonly dependencies?: Readonly<Record<string, string>>
}

function readManifest(folder: string): Manifest {
  // Written by npm, or by us.
  return JSON.parse(readFileSync(`${root}${folder}/package.json`, 'utf8')) as Manifest
}

function manifest(): string {
  const { version, description } = readManifest('.')
  const fields = { name: 'nixen', version, description, license: 'Apache-2.0', type: 'module' }
  return `${JSON.stringify({ ...fields, bin: { nixen: './nixen.mjs' }, engines: { node: '>=26' } }, null, 2)}\n`
}

/** The licence of each package that is in the release, as most of them ask for. Fails when one has none. */
function licences(chunks: readonly OutputChunk[], shipped: readonly string[]): string {
  const folders = new Set(shipped)
  for (const id of chunks.flatMap(({ moduleIds }) => moduleIds)) {
    const folder = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(relative(root, id.replace(/^\0/, '')))?.[0]
    if (folder !== undefined) folders.add(folder)
  }
  const texts = [...folders].toSorted().map((folder) => {
    const { name, version, license } = readManifest(folder)
    const [file] = globSync('{LICENSE,LICENCE,License,license}*', { cwd: root + folder })
    if (license === undefined) throw new Error(`${name} says nothing of its licence.`)
    const text = file === undefined ? `Licence: ${license}` : readFileSync(`${root}${folder}/${file}`, 'utf8').trim()
    return `${name} ${version} (${license})\n\n${text}\n`
  })
  return texts.join(`\n${'-'.repeat(80)}\n\n`)
}

/** Bytes under a folder. */
function sizeOf(folder: string): number {
  let size = 0
  for (const file of globSync('**/*', { cwd: folder })) {
    const found = statSync(join(folder, file))
    if (found.isFile()) size += found.size
  }
  return size
}

if (import.meta.main) {
  const folder = resolve(process.argv[2] ?? `${root}dist/release`)
  await bundle(folder)
  console.log(`${folder}: ${(sizeOf(folder) / 1e6).toFixed(1)} MB`)
}
