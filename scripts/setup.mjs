// Set-up of a checkout, in plain JavaScript for any Node ≥ 18. Quick when nothing has changed.
//   node scripts/setup.mjs            what Nixen needs to run
//   node scripts/setup.mjs --system   and the Debian packages that tests and benchmarks use
//   node scripts/setup.mjs --web      and the web console
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const stamp = `${root}node_modules/.nixen-setup`
const lock = `${root}.cache/setup.lock`
const nodeFile = `node_modules/node-linux-${process.arch}/bin/node`

/** A failure that a user can act on: its message says how. */
export class SetupError extends Error {}

/** Full path of Node 26 as installed by npm. */
export function nodePath() {
  return root + nodeFile
}

/**
 * Installs what is missing. `packages`: lists of Debian packages (scripts/*.txt) that must be there too; `web`: the console is built when its
 * sources have changed.
 */
export async function prepare({ packages = [], web = false } = {}) {
  if (process.platform !== 'linux' || !['x64', 'arm64'].includes(process.arch)) {
    throw new SetupError(`Nixen runs on Linux on x64 or arm64, not on ${process.platform} ${process.arch}.`)
  }
  if (!isCurrent()) await withLock(() => isCurrent() || installModules())
  const wanted = packages.flatMap(readList)
  if (wanted.length > 0) await withLock(() => installPackages(wanted))
  if (web && !isWebCurrent()) await withLock(() => isWebCurrent() || buildWeb())
}

/** The lists that `npm test` and benches need; the long tests (NIXEN_LONG_TESTS=1) need more. */
export function testPackages() {
  const isLong = process.env.NIXEN_LONG_TESTS === '1'
  return ['system-packages.txt', ...(isLong ? ['system-packages-long.txt'] : [])]
}

/** Hash of everything that decides what node_modules must hold. */
export function fingerprint() {
  const hash = createHash('sha256').update(process.arch)
  for (const file of manifests()) hash.update(file).update(readFileSync(root + file))
  return hash.digest('hex')
}

/** What the console is made of. */
const webSources = ['packages/web', 'packages/api/src', 'packages/core/src']
const webStamp = 'packages/web/dist/.nixen-built'

function isWebCurrent() {
  return existsSync(root + webStamp) && readFileSync(root + webStamp, 'utf8') === webFingerprint()
}

/** Names, sizes and times of the sources: looked at before each start, so nothing is read. */
function webFingerprint() {
  const hash = createHash('sha256').update(fingerprint())
  for (const folder of webSources) addFolder(hash, folder)
  return hash.digest('hex')
}

function addFolder(hash, folder) {
  const entries = readdirSync(root + folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))
  for (const entry of entries) {
    const path = `${folder}/${entry.name}`
    if (['node_modules', 'dist', 'test'].includes(entry.name)) continue
    if (entry.isDirectory()) addFolder(hash, path)
    else {
      const { size, mtimeMs } = statSync(root + path)
      hash.update(`${path} ${size} ${mtimeMs}\n`)
    }
  }
}

/** Builds the console beside the one that is served, then swaps. */
function buildWeb() {
  console.error('nixen: building the web console (only when it has changed) …')
  const wanted = webFingerprint()
  const beside = mkdtempSync(`${root}.cache/web-`)
  try {
    const args = ['node_modules/vite/bin/vite.js', 'build', 'packages/web', '--logLevel', 'warn', '--outDir', beside]
    // Vite keeps to the outside of its root only when told so.
    run(nodePath(), [...args, '--emptyOutDir'], 'Run "npm run build:web" to see more.')
    writeFileSync(`${beside}/.nixen-built`, wanted)
    // Others than its owner may run the server.
    chmodSync(beside, 0o755)
    rmSync(`${root}packages/web/dist`, { recursive: true, force: true })
    renameSync(beside, `${root}packages/web/dist`)
  } finally {
    rmSync(beside, { recursive: true, force: true })
  }
}

function isCurrent() {
  return existsSync(stamp) && existsSync(nodePath()) && readFileSync(stamp, 'utf8') === fingerprint()
}

/**
 * Installs into a folder of its own and swaps: whatever interrupts it, the tree that is there stays whole, or the next start finds
 * none and installs again. npm links workspaces by relative paths (`../../packages/api`), so what it made there fits here.
 */
function installModules() {
  console.error('nixen: installing npm packages (only when the lock file has changed) …')
  removeLeftovers()
  // A name of its own: the npm of a set-up that was killed may still be writing into the last one.
  const beside = mkdtempSync(`${root}.cache/install-`)
  try {
    installInto(beside)
    // Where two workspaces want two versions of a package, npm gives one of them a node_modules of its own.
    for (const folder of ['', ...workspaces()]) swap(`${folder}node_modules`, beside)
  } finally {
    rmSync(beside, { recursive: true, force: true })
  }
}

function installInto(beside) {
  const wanted = fingerprint()
  for (const file of manifests()) {
    mkdirSync(dirname(`${beside}/${file}`), { recursive: true })
    copyFileSync(root + file, `${beside}/${file}`)
  }
  const advice = 'Check the network and run "npm ci" to see more.'
  run('npm', ['ci', '--no-fund', '--no-audit', '--loglevel=error'], advice, { cwd: beside })
  const node = `${beside}/${nodeFile}`
  const { status, stdout } = spawnSync(node, ['--version'], { encoding: 'utf8' })
  if (status !== 0 || !stdout.startsWith('v26.')) {
    throw new SetupError(
      `${node} does not run. Nixen needs Linux with glibc; if this is one, run "npm run setup" again.`,
    )
  }
  writeFileSync(`${beside}/node_modules/.nixen-setup`, wanted)
}

/** Puts a folder in its place; the one that was there goes away with what is left of the installation. */
function swap(folder, beside) {
  const old = `${beside}/old/${folder}`
  mkdirSync(dirname(old), { recursive: true })
  if (existsSync(root + folder)) renameSync(root + folder, old)
  if (existsSync(`${beside}/${folder}`)) renameSync(`${beside}/${folder}`, root + folder)
}

/** Removes what set-ups left that were killed or failed; the lock says that no other one is at work. */
function removeLeftovers() {
  for (const name of readdirSync(`${root}.cache`).filter((entry) => /^(?:install|web)-/.test(entry))) {
    try {
      rmSync(`${root}.cache/${name}`, { recursive: true, force: true })
    } catch {
      // Its npm is not dead yet: the next set-up removes it.
    }
  }
}

/** Folders of the workspaces, with a slash behind. */
function workspaces() {
  return readdirSync(`${root}packages`)
    .sort()
    .map((name) => `packages/${name}/`)
}

/** What decides what node_modules must hold. */
function manifests() {
  const files = [
    'package.json',
    'package-lock.json',
    '.npmrc',
    ...workspaces().map((folder) => `${folder}package.json`),
  ]
  return files.filter((file) => existsSync(root + file))
}

/** Names of a list, one a line, `#` begins a comment. */
function readList(file) {
  return readFileSync(`${root}scripts/${file}`, 'utf8')
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter(Boolean)
}

function installPackages(wanted) {
  const query = spawnSync('dpkg-query', ['-W', '-f', '${Package} ${Status}\n', ...wanted], { encoding: 'utf8' })
  if (query.error) {
    throw new SetupError(
      `Tests need the programs of these Debian packages, and this is not Debian: ${wanted.join(' ')}`,
    )
  }
  const installed = new Set(
    query.stdout
      .split('\n')
      .filter((line) => line.endsWith(' installed'))
      .map((line) => line.split(' ')[0]),
  )
  const missing = wanted.filter((name) => !installed.has(name))
  if (missing.length === 0) return
  if (process.getuid() !== 0) {
    throw new SetupError(
      `Tests need Debian packages. Run: sudo apt-get install --no-install-recommends ${missing.join(' ')}`,
    )
  }
  console.error(`nixen: installing Debian packages: ${missing.join(' ')} …`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  run('apt-get', ['update', '-qq'], 'Check the network.', { env })
  run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...missing], 'Read what apt says above.', { env })
}

function run(command, args, advice, { cwd = root, env = process.env } = {}) {
  // Everything goes to stderr: stdout belongs to the program that is about to start.
  const { status, error } = spawnSync(command, args, { cwd, stdio: ['ignore', 2, 2], env })
  if (error) throw new SetupError(`${command} cannot be started (${error.message}). ${advice}`)
  if (status !== 0) throw new SetupError(`"${command} ${args.join(' ')}" failed. ${advice}`)
}

/** Lets one process at a time set up; a lock whose process is gone is taken over. */
async function withLock(work) {
  mkdirSync(`${root}.cache`, { recursive: true })
  for (let waited = false; !takeLock(); waited = true) {
    if (!holderIsAlive()) breakLock()
    else if (!waited) console.error('nixen: another process is setting up, waiting …')
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  try {
    return work()
  } finally {
    rmSync(lock, { force: true })
  }
}

/** Makes the lock with our number in it at once: nobody ever reads an empty one. */
function takeLock() {
  const mine = `${lock}.${process.pid}`
  writeFileSync(mine, String(process.pid))
  try {
    linkSync(mine, lock)
    return true
  } catch (error) {
    if (error.code === 'EEXIST') return false
    throw error
  } finally {
    rmSync(mine, { force: true })
  }
}

/** Removes the lock of a process that is gone; one at a time, so that nobody removes the lock of whoever came first. */
function breakLock() {
  const breaking = `${lock}.break`
  try {
    mkdirSync(breaking)
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
    // Whoever made it needs no second; it was killed if it is still there after ten.
    if (Date.now() - (statSync(breaking, { throwIfNoEntry: false })?.mtimeMs ?? Date.now()) > 10_000)
      rmdirSync(breaking)
    return
  }
  try {
    if (!holderIsAlive()) rmSync(lock, { force: true })
  } finally {
    rmdirSync(breaking)
  }
}

function holderIsAlive() {
  try {
    process.kill(Number(readFileSync(lock, 'utf8')) || 0x7fffffff, 0)
    return true
  } catch (error) {
    // Somebody else's process, or the lock has been given back meanwhile.
    return error.code === 'EPERM' || error.code === 'ENOENT'
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    const [packages, web] = [process.argv.includes('--system') ? testPackages() : [], process.argv.includes('--web')]
    await prepare({ packages, web })
  } catch (error) {
    if (!(error instanceof SetupError)) throw error
    console.error(`nixen: ${error.message}`)
    process.exit(1)
  }
}
