// Set-up of a checkout, in plain JavaScript for any Node ≥ 18. Quick when nothing has changed.
//   node scripts/setup.mjs            what Nixen needs to run
//   node scripts/setup.mjs --system   and the Debian packages that tests and benchmarks use
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const stamp = `${root}node_modules/.nixen-setup`
const lock = `${root}.cache/setup.lock`

/** A failure that a user can act on: its message says how. */
export class SetupError extends Error {}

/** Full path of Node 26 as installed by npm. */
export function nodePath() {
  return `${root}node_modules/node-linux-${process.arch}/bin/node`
}

/** Installs what is missing. `packages`: lists of Debian packages (scripts/*.txt) that must be there too. */
export async function prepare({ packages = [] } = {}) {
  if (process.platform !== 'linux' || !['x64', 'arm64'].includes(process.arch)) {
    throw new SetupError(`Nixen runs on Linux on x64 or arm64, not on ${process.platform} ${process.arch}.`)
  }
  if (!isCurrent()) await withLock(() => isCurrent() || installModules())
  const wanted = packages.flatMap(readList)
  if (wanted.length > 0) await withLock(() => installPackages(wanted))
}

/** The lists that `npm test` and benches need; the long tests (NIXEN_LONG_TESTS=1) need more. */
export function testPackages() {
  const isLong = process.env.NIXEN_LONG_TESTS === '1'
  return ['system-packages.txt', ...(isLong ? ['system-packages-long.txt'] : [])]
}

/** Hash of everything that decides what node_modules must hold. */
export function fingerprint() {
  const hash = createHash('sha256').update(process.arch)
  const manifests = readdirSync(`${root}packages`)
    .sort()
    .map((name) => `packages/${name}/package.json`)
  for (const file of ['package.json', 'package-lock.json', ...manifests]) {
    if (existsSync(root + file)) hash.update(file).update(readFileSync(root + file))
  }
  return hash.digest('hex')
}

function isCurrent() {
  return existsSync(stamp) && existsSync(nodePath()) && readFileSync(stamp, 'utf8') === fingerprint()
}

function installModules() {
  console.error('nixen: installing npm packages (only when the lock file has changed) …')
  run('npm', ['ci', '--no-fund', '--no-audit', '--loglevel=error'], 'Check the network and run "npm ci" to see more.')
  const { status, stdout } = spawnSync(nodePath(), ['--version'], { encoding: 'utf8' })
  if (status !== 0 || !stdout.startsWith('v26.')) {
    throw new SetupError(`${nodePath()} does not run. Remove node_modules and run "npm run setup" again.`)
  }
  writeFileSync(stamp, fingerprint())
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
  run('apt-get', ['update', '-qq'], 'Check the network.', env)
  run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...missing], 'Read what apt says above.', env)
}

function run(command, args, advice, env = process.env) {
  // Everything goes to stderr: stdout belongs to the program that is about to start.
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2], env })
  if (error) throw new SetupError(`${command} cannot be started (${error.message}). ${advice}`)
  if (status !== 0) throw new SetupError(`"${command} ${args.join(' ')}" failed. ${advice}`)
}

/** Lets one process at a time set up; a lock whose process is gone is taken over. */
async function withLock(work) {
  mkdirSync(`${root}.cache`, { recursive: true })
  for (let waited = false; ; waited = true) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' })
      break
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
    }
    if (!holderIsAlive()) rmSync(lock, { force: true })
    else if (!waited) console.error('nixen: another process is setting up, waiting …')
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  try {
    return work()
  } finally {
    rmSync(lock, { force: true })
  }
}

function holderIsAlive() {
  try {
    const holder = readFileSync(lock, 'utf8')
    // Made by another process just now, which has yet to write who it is.
    if (holder === '') return Date.now() - statSync(lock).mtimeMs < 5000
    process.kill(Number(holder) || 0x7fffffff, 0)
    return true
  } catch (error) {
    // Somebody else's process, or the lock has been given back meanwhile.
    return error.code === 'EPERM' || error.code === 'ENOENT'
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    await prepare({ packages: process.argv.includes('--system') ? testPackages() : [] })
  } catch (error) {
    if (!(error instanceof SetupError)) throw error
    console.error(`nixen: ${error.message}`)
    process.exit(1)
  }
}
